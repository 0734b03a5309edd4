@testable import Gateway
import HAL
import HostCrypto
import Journal
import MemoryStorage
import Metering
import Sampling
import Simulator
import Testing
import TransparencyLog
import Uplink

typealias MemoryRecorder = Recorder<MemoryBlockStorage, FileKeySigner, SodiumVerifier>

/// Keys, names and a clock that every test here shares.
enum Rig {
  static var origin: KeyName { get throws { try required(KeyName("mrv.example/gw/test/1")) } }

  static func required<T>(_ value: T?) throws -> T {
    guard let value else { throw Missing() }
    return value
  }
  struct Missing: Error {}

  /// The key of the vectors: SHA-256("test gateway key").
  static func key() throws -> FileKeySigner {
    try FileKeySigner(seed: SHA256.hash(Array("test gateway key".utf8).span).bytes)
  }

  static func mirrorSigner() throws -> FileKeySigner {
    try FileKeySigner(seed: SHA256.hash(Array("test mirror key".utf8).span).bytes)
  }

  /// The line of a mirror under a text: under its own name, made with `signer`.
  static func cosignature(
    under text: [UInt8], time: UInt64 = 1_785_000_010, with signer: consuming FileKeySigner
  ) throws -> [UInt8] {
    let name = try mirrorKey().name
    var isSigned = false
    let line = ByteWriter.bytes {
      isSigned = Cosignature.sign(text: text.span, time: time, name: name, with: &signer, to: &$0)
    }
    #expect(isSigned)
    return line
  }

  static func mirrorKey() throws -> VerifierKey {
    try mirrorSigner().verifierKey(
      name: try required(KeyName("collector.example/m1")), type: .cosigner)
  }

  /// A moment since boot, with a wall clock that is so many µs `ahead`.
  static func instant(_ microseconds: UInt64, ahead: Int64 = 0) -> Instant {
    Instant(
      mono: microseconds, utc: 1_785_000_000_000_000 &+ microseconds &+ UInt64(bitPattern: ahead),
      quality: ClockQuality(errorExponent: 10, source: .ntp))
  }

  static func configuration(epoch: UInt32 = 1) throws -> JournalConfiguration {
    JournalConfiguration(
      epoch: epoch, originHash: try origin.hash, segmentByteCount: 32 << 10,
      frameByteCountMax: Limits.commitByteCount)
  }

  static func log(on disk: MemoryDisk) throws -> RecoveredLog<MemoryBlockStorage> {
    var history = LogHistory()
    return try RecoveredLog(
      storage: MemoryBlockStorage(disk: disk), configuration: try configuration(),
      history: &history)
  }

  private static var timing: RecorderTiming {
    RecorderTiming(commit: 1_000_000, checkpoint: 5_000_000, checkpointEntries: 256)
  }

  /// An agent that starts on this log.
  static func start<Storage: BlockStorage & ~Copyable>(
    _ opened: consuming OpenedLog<Storage>, _ history: LogHistory, origin: KeyName,
    key: consuming FileKeySigner, mirrorKey: VerifierKey, queue: EntryQueue = EntryQueue(),
    report: RecorderReport = RecorderReport()
  ) throws(RecorderError) -> GatewayStart<Storage, FileKeySigner, SodiumVerifier> {
    try GatewayStart(
      opened: opened, history: history,
      identity: GatewayIdentity(
        origin: origin, mirrorKey: mirrorKey, bootID: InlineArray(repeating: 1),
        softwareHash: .zero), key: key, verifier: SodiumVerifier(), timing: timing, queue: queue,
      report: report)
  }

  static func recorder(
    _ log: consuming RecoveredLog<MemoryBlockStorage>, queue: EntryQueue, report: RecorderReport,
    packages: PackageTerms? = nil, mirrorKey: VerifierKey? = nil, quota: UInt64 = 1 << 30
  ) throws -> MemoryRecorder {
    let mirrorKey = try mirrorKey ?? Rig.mirrorKey()
    let evidence = log.takeEvidence()
    let superblock = evidence.journal.superblock
    let acknowledged = evidence.journal.acknowledgement(under: mirrorKey, with: SodiumVerifier())
    let origin = try origin
    let packages = packages.map {
      PackageClient(
        origin: origin, mirrorKey: mirrorKey, acknowledgedSize: acknowledged.size,
        terms: $0)
    }
    return MemoryRecorder(
      evidence: evidence, origin: origin, key: try key(), verifier: SodiumVerifier(),
      mirror: MirrorClient(
        origin: origin, mirrorKey: mirrorKey,
        acknowledgedSize: acknowledged.size, acknowledged: acknowledged.note,
        releasedSize: superblock.releasedSize, signedSize: superblock.signedSize),
      packages: packages,
      timing: timing,
      room: LogRoom(quotaByteCount: quota),
      queue: queue, report: report)
  }

  /// An event entry that takes about `padding` bytes, those of one unlike those of the next unless `isAlike`.
  static func entry(_ index: UInt64, padding: Int = 20, isAlike: Bool = false) -> [UInt8] {
    let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 4_000)
    defer { memory.deallocate() }
    var writer = ByteWriter(memory)
    EventEntry.begin(
      head: EntryHead(index: index, boot: 1, time: instant(index)), code: .storageDegraded,
      argumentCount: 1, to: &writer)
    let byte = isAlike ? 0x55 : UInt8(truncatingIfNeeded: index)
    writer.cbor(bytes: [UInt8](repeating: byte, count: padding).span)
    return Array(writer.written)
  }

  /// The next request with a checkpoint. Where the mirror stands is asked first on a new log, twice: it has nothing.
  static func nextCheckpoint(
    _ recorder: inout MemoryRecorder, at microseconds: UInt64
  ) throws -> UplinkRequest? {
    let now = instant(microseconds)
    var entropy = SecureRandom()
    for _ in 0..<2 {
      let request = recorder.nextRequest(at: now)
      guard request?.path == .addEntries else { return request }
      try recorder.receive(UplinkResponse(status: 422), at: now, entropy: &entropy)
    }
    return recorder.nextRequest(at: now)
  }

  /// Settles so many commits of 25 entries each, one a second, from the first entry of the log on.
  static func fill(_ recorder: inout MemoryRecorder, from queue: EntryQueue, rounds: UInt64) throws
  {
    for round in 0..<rounds {
      for number in 0..<25 as Range<UInt64> {
        #expect(push(entry(round * 25 + number, padding: 60), to: queue))
      }
      try recorder.settle(at: instant((round + 1) * 1_000_000))
    }
  }

  /// A note of the log with the cosignature of the rig's mirror.
  static func cosignedNote(_ signed: UnsafeBufferPointer<UInt8>) throws -> [UInt8] {
    let note = Array(signed)
    let text = Array(note[try Note.parse(note.span).text])
    return try note + cosignature(under: text, with: try mirrorSigner())
  }

  /// The mirror of the rig.
  static func mirror() throws -> SimulatedMirror<FileKeySigner, SodiumVerifier> {
    let origin = try origin
    return SimulatedMirror(
      origin: origin, logKey: try key().verifierKey(name: origin, type: .log),
      name: try mirrorKey().name, key: try mirrorSigner(), verifier: SodiumVerifier(),
      keepsEntries: false)
  }

  /// Turns of a recorder with a mirror that answers after a millisecond, until a time or until `isOver` says so; `liar`
  /// answers in its place what it likes to.
  static func run(
    _ recorder: inout MemoryRecorder, from start: UInt64 = 1_000_000, until end: UInt64,
    beside mirror: SimulatedMirror<FileKeySigner, SodiumVerifier>,
    liar: (UInt64, UplinkRequest) -> UplinkResponse? = { _, _ in nil }, isOver: (UInt64) -> Bool
  ) throws {
    var entropy = SecureRandom()
    var response: UplinkResponse?
    var now = start
    while now < end, !isOver(now) {
      let turn = recorder.turn(
        at: instant(now), response: response, canSubmit: true, entropy: &entropy)
      mirror.clock = instant(now).utc / 1_000_000
      response = turn.request.map { liar(now, $0) ?? mirror.answer($0) }
      now = response == nil ? max(turn.due, now + 1) : now + 1_000
    }
  }

  static func push(_ entry: [UInt8], to queue: EntryQueue) -> Bool {
    entry.withUnsafeBufferPointer { queue.ring.push($0) }
  }
}

extension EntryQueue {
  /// Takes the oldest entry out of the queue; `nil` when it is empty.
  func takeOne() -> [UInt8]? {
    let entry = withUnsafeTemporaryAllocation(
      of: UInt8.self, capacity: Limits.entryByteCountMax
    ) { buffer in
      Array(buffer[..<ring.peek(into: buffer)])
    }
    guard !entry.isEmpty else { return nil }
    ring.removeFirst()
    return entry
  }

  /// Takes everything out of the queue.
  func takeAll() -> [[UInt8]] {
    var entries: [[UInt8]] = []
    while let entry = takeOne() { entries.append(entry) }
    return entries
  }
}

/// The tree of RFC 6962 §2.1, written as its definition.
func naiveRoot(_ leaves: ArraySlice<Digest>) -> Digest {
  guard leaves.count > 1 else { return leaves.first ?? Tree.empty }
  var split = 1
  while split * 2 < leaves.count { split *= 2 }
  let middle = leaves.startIndex + split
  return Tree.node(naiveRoot(leaves[..<middle]), naiveRoot(leaves[middle...]))
}
