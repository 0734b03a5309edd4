import HAL
import HostCrypto
import HostHAL
import Journal
import Metering
import Testing
import TransparencyLog
import Verification

/// A small log with its keys, as entries, as the files of a gateway and as those of a collector.
final class SampleLog {
  static let origin = "sample.example/gw/0001/1"
  let name: KeyName
  let logKey: VerifierKey
  let mirrorKey: VerifierKey
  private var logSigner: FileKeySigner
  private var mirrorSigner: FileKeySigner
  private(set) var entries: [[UInt8]] = []

  /// 2026-07-25T13:20:00Z, and the slot of one second that begins then.
  static let start: UInt64 = 1_785_072_000
  var nowUTC: UInt64 { (SampleLog.start + UInt64(entries.count)) * 1_000_000 }

  /// Boot, profile, channel with two requests each second, then readings and one shed event.
  init(entryCount: Int, omit: Set<Int> = []) throws {
    name = try #require(KeyName(SampleLog.origin))
    logSigner = try FileKeySigner(seed: InlineArray(repeating: 1))
    mirrorSigner = try FileKeySigner(seed: InlineArray(repeating: 2))
    logKey = logSigner.verifierKey(name: name, type: .log)
    mirrorKey = mirrorSigner.verifierKey(
      name: try #require(KeyName("sample.example/mirror")), type: .cosigner)
    appendHead()
    var poll = 0
    while entries.count < entryCount {
      if poll == 6 {
        append { EventEntry.write(head: $1, self.shed(poll), to: &$0) }
        poll += 4
      }
      if entries.count < entryCount, !omit.contains(poll) {
        reading(slot: SampleLog.start + UInt64(poll / 2), request: UInt64(poll % 2))
      }
      poll += 1
    }
  }

  private func shed(_ poll: Int) -> EventEntry.Shed {
    EventEntry.Shed(
      channel: 2, firstSlot: SampleLog.start + UInt64(poll / 2),
      lastSlot: SampleLog.start + UInt64(poll / 2) + 1, reason: .backOff)
  }

  private func appendHead() {
    append {
      BootEntry.write(
        head: $1, bootID: InlineArray(repeating: 9), previousSize: 0, previousRoot: .zero,
        reason: .machineStart, softwareHash: .zero, origin: self.name.span, to: &$0)
    }
    document(.profile, "meter", Array("profile: sample\n".utf8))
    let requests: [UInt8] = [0, 2, 1, 3, 0, 2, 1, 4]
    document(
      .channel, "a/1",
      ByteWriter.bytes(limit: 200) {
        Channel.write(
          device: 1, label: Array("M".utf8).span, serial: nil, mode: .polled,
          port: Array("a".utf8).span, address: [1 as UInt8].span, profile: 1,
          requests: requests.span, periodMilliseconds: 1000, offsetMilliseconds: 0,
          ratios: [Channel.Ratio]().span, to: &$0)
      })
  }

  private func document(_ kind: ConfigEntry.Kind, _ name: String, _ body: [UInt8]) {
    append { writer, head in
      body.withUnsafeBufferPointer { bytes in
        ConfigEntry.write(
          head: head, kind: kind, name: Array(name.utf8).span, sha256: SHA256.hash(body.span),
          body: bytes, to: &writer)
      }
    }
  }

  func reading(slot: UInt64, request: UInt64) {
    let frame: [UInt8] = [
      0x01, 0x03, 0x04, 0x00, UInt8(entries.count & 0xff), 0x11, 0x22, 0xaa, 0xbb,
    ]
    append { writer, head in
      frame.withUnsafeBufferPointer { raw in
        ReadingEntry.write(
          head: head, channel: 2, request: request, status: .good, slot: slot,
          roundTrip: 12_345, raw: raw, to: &writer)
      }
    }
  }

  func append(_ write: (inout ByteWriter, EntryHead) -> Void) {
    let utc = (SampleLog.start + UInt64(entries.count)) * 1_000_000
    let time = Instant(
      mono: UInt64(entries.count) * 1_000_000, utc: utc,
      quality: ClockQuality(errorExponent: 14, source: .ntp))
    let head = EntryHead(index: UInt64(entries.count), boot: 1, time: time)
    entries.append(ByteWriter.bytes(limit: 4000) { write(&$0, head) })
  }

  // MARK: Notes

  func root(_ size: Int) -> Digest { SampleLog.root(entries[..<size].map { Tree.leaf($0.span) }) }

  /// RFC 6962 §2.1, as it is defined.
  static func root(_ leaves: [Digest]) -> Digest {
    if leaves.isEmpty { return Tree.empty }
    if leaves.count == 1 { return leaves[0] }
    var split = 1
    while split * 2 < leaves.count { split *= 2 }
    return Tree.node(root(Array(leaves[..<split])), root(Array(leaves[split...])))
  }

  func note(_ size: Int, cosigned: Bool = false) -> [UInt8] {
    let checkpoint = Checkpoint(origin: name, size: UInt64(size), root: root(size))
    return ByteWriter.bytes(limit: 2000) { writer in
      precondition(checkpoint.sign(with: &self.logSigner, to: &writer))
      guard cosigned else { return }
      let text = ByteWriter.bytes(limit: 1000) { checkpoint.writeText(to: &$0) }
      precondition(
        Cosignature.sign(
          text: text.span, time: SampleLog.start, name: self.mirrorKey.name,
          with: &self.mirrorSigner, to: &writer))
    }
  }

  // MARK: Files

  /// The C2SP layout of the first `size` entries.
  func collectorFiles(_ size: Int) -> [String: [UInt8]] {
    var files = ["checkpoint": note(size, cosigned: true)]
    let leaves = entries[..<size].map { Tree.leaf($0.span) }
    for start in stride(from: 0, to: size, by: 256) {
      let end = min(start + 256, size)
      let index = UInt64(start / 256)
      files[TilePath(.entries, index: index, width: end - start).text] =
        ByteWriter.bytes(limit: 1 << 20) { writer in
          for entry in self.entries[start..<end] { writer.append(bundled: entry.span) }
        }
    }
    var hashes = leaves
    var level: UInt8 = 0
    while !hashes.isEmpty {
      var next: [Digest] = []
      for start in stride(from: 0, to: hashes.count, by: 256) {
        let tile = hashes[start..<min(start + 256, hashes.count)]
        let path = TilePath(
          .hashes(level: level), index: UInt64(start / 256), width: tile.count
        ).text
        files[path] = tile.flatMap(\.array)
        if tile.count == 256 { next.append(SampleLog.root(Array(tile))) }
      }
      hashes = next
      level += 1
    }
    return files
  }

  /// What an auditor knows of it.
  var policy: Policy { Policy(logKey: logKey, nowUTC: nowUTC) }

  /// The journal of all entries: the commits end at these sizes, the third one is refused by the first
  /// segment, and the first two are signed (one) and acknowledged (the other).
  func gatewayFiles(
    commits: [Int], signed: [Int], acknowledged: Int, segmentByteCount: Int = 16 << 10
  ) throws -> [String: [UInt8]] {
    let directory =
      "/dev/shm/tallystick-verification-\(ProcessEnvironment.processID)-\(UInt32.random(in: 0 ... .max))"
    defer { try? Files.removeTree(directory) }
    let configuration = JournalConfiguration(
      epoch: 1, originHash: name.hash, segmentByteCount: segmentByteCount)
    let memory = UnsafeMutableRawBufferPointer.allocate(
      byteCount: configuration.memoryByteCount, alignment: 4096)
    defer { memory.deallocate() }
    var journal = Journal(
      storage: DoubtfulStorage(inner: try FileBlockStorage(directory: directory)),
      configuration: configuration, memory: memory)
    _ = try journal.recover { _, _ in }
    _ = try journal.recordBoot()
    var start = 0
    for (number, end) in commits.enumerated() {
      for entry in entries[start..<end] { precondition(journal.stage(entry.span)) }
      journal.storage.reportsFailure = number == 2
      try journal.commit()
      start = end
      if signed.contains(end) {
        try journal.recordSigned(size: UInt64(end), root: root(end), note: note(end).span)
      }
      if acknowledged == end {
        try journal.recordAcknowledged(
          size: UInt64(end), cosignedNote: note(end, cosigned: true).span)
      }
    }
    var files: [String: [UInt8]] = [:]
    for name in ["super.a", "super.b"] { files[name] = try Files.read("\(directory)/\(name)") }
    for name in try Files.names(in: "\(directory)/seg") {
      files["seg/\(name)"] = try Files.read("\(directory)/seg/\(name)")
    }
    return files
  }
}

/// Storage that reports one write as failed although it was done.
struct DoubtfulStorage: BlockStorage, ~Copyable {
  var inner: FileBlockStorage
  var reportsFailure = false

  init(inner: consuming FileBlockStorage) { self.inner = inner }

  mutating func size(of object: StorageObject) throws(StorageError) -> Int? {
    try inner.size(of: object)
  }
  mutating func segmentRange() throws(StorageError) -> ClosedRange<UInt64>? {
    try inner.segmentRange()
  }
  mutating func create(_ object: StorageObject, byteCount: Int) throws(StorageError) {
    try inner.create(object, byteCount: byteCount)
  }
  mutating func read(
    _ object: StorageObject, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) throws(StorageError) { try inner.read(object, at: offset, into: buffer) }
  mutating func write(
    _ object: StorageObject, at offset: Int, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError) {
    try inner.write(object, at: offset, from: buffer)
    if reportsFailure {
      reportsFailure = false
      throw .io
    }
  }
  mutating func publish(
    _ object: StorageObject, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError) { try inner.publish(object, from: buffer) }
  mutating func remove(_ object: StorageObject) throws(StorageError) { try inner.remove(object) }
  mutating func recycle(segment old: UInt64, as new: UInt64) throws(StorageError) {
    try inner.recycle(segment: old, as: new)
  }
  mutating func freeByteCount() -> UInt64? { inner.freeByteCount() }
}

/// Files in memory.
func logFiles(_ files: [String: [UInt8]]) -> LogFiles {
  LogFiles(
    read: { path throws(ReadFailure) in files[path] },
    list: { folder throws(ReadFailure) in
      files.keys.filter { $0.hasPrefix(folder + "/") }
        .map { String($0.dropFirst(folder.utf8.count + 1)) }
        .filter { !$0.contains("/") }
    })
}
