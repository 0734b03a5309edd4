import HAL
import Journal

/// A medium that tears, loses, changes and refuses, as `FaultModel` says; the state that a power cut leaves
/// behind is what it holds.
///
/// What an honest medium promises is `BlockStorage`'s contract: a write that returned is durable. When the
/// power goes in the middle of a write, any of its sectors of 512 bytes or pages of 4 KiB may have arrived. A medium that lies
/// about flush has the last writes in a cache for some seconds; the cut then loses any of their sectors,
/// in any order.
final class SimulatedDisk {
  /// Something that happened to the medium, for the trace and the checkers.
  enum Incident: Equatable {
    /// A fault of this kind was done, to an object if it is known which.
    case fault(FaultKind, StorageObject? = nil)
    /// An object was not written, for the medium takes nothing for a while.
    case refused(StorageObject, FaultKind)
    /// The power went during operation number so and so.
    case cut(operation: UInt64)
  }

  /// The logs of all epochs, from 1 on.
  var volumes: [Volume] = [Volume()]
  var cache: [Cached] = []
  private var images: [[Volume]] = []
  /// Never before there is a log: without one the key itself tells that there was one (`EpochEnd.missing`).
  private var imageAt: UInt64 = 600_000_000

  /// Superblocks of the epoch that goes on whose last write was reported as failed since the agent started.
  var refusedSuperblocks: Set<UInt8> = []
  /// What was read last of the superblocks in both slots, of whichever epoch; the same bytes say the same.
  var readSuperblocks: [(bytes: [UInt8], block: Superblock?)?] = [nil, nil]
  /// What stood whole in the segments of an epoch when they were looked at last, with the bytes that say so: the same bytes
  /// say the same.
  var takenApart: [UInt32: [TakenApart]] = [:]
  /// What is being prepared; a start of an agent and a loss of power forget it.
  var prepared: (epoch: UInt32, object: StorageObject, bytes: [UInt8])?

  private let faults: FaultModel
  let isLying: Bool
  var entropy: SeededEntropy
  /// Bytes that fit; what is beyond is refused as full.
  let capacity: Int
  /// Areas that cannot be read for a while.
  var unreadable: [UnreadableArea] = []
  /// Faults are over: nothing fails any more.
  var isCalm = false
  /// Until when it is full whatever it holds, no write into an object is done, or nothing can be changed.
  var refusals: [(kind: FaultKind, until: UInt64)] = []
  /// No power: every operation fails.
  private(set) var isDead = false
  /// Operations since the beginning.
  private(set) var operationCount: UInt64 = 0
  /// µs that operations took since `takeDuration`.
  private var duration: UInt64 = 0
  private var cutAt: UInt64?
  /// When the power went.
  private(set) var diedAt: UInt64 = 0
  /// Called with what each write brings, whatever becomes of it; for the oracle.
  var attempted: (UInt32, StorageObject, Int, UnsafeRawBufferPointer) -> Void = { _, _, _, _ in }
  /// Called with each call of the agent, before anything comes of it.
  var called: (UInt32, StorageCall) -> Void = { _, _ in }
  /// Called with each incident.
  var happened: (Incident) -> Void = { _ in }
  /// Told before anything of the epoch behind this one is written.
  var begins: (UInt32) -> Void = { _ in }
  /// The time, for what ages.
  var now: UInt64 = 0

  /// An empty medium.
  init(faults: FaultModel, capacity: Int, entropy: SeededEntropy) {
    self.faults = faults
    self.capacity = capacity
    self.entropy = entropy
    isLying = faults[.lyingFlush] > 0
  }

  // MARK: power

  /// The power will go during the operation that comes after `operations` further ones.
  func scheduleCut(after operations: UInt64) { cutAt = operationCount + operations + 1 }

  /// A cut is scheduled and has not come.
  var awaitsCut: Bool { cutAt != nil && !isDead }

  /// The power goes now, between two operations.
  func cut() {
    guard !isDead else { return }
    die()
  }

  private func die() {
    isDead = true
    diedAt = now
    prepared = nil
    happened(.cut(operation: operationCount))
  }

  /// The power is back: what the cache had is decided.
  func restorePower() {
    guard isDead else { return }
    isDead = false
    cutAt = nil
    guard !isCalm else { return cache = [] }
    loseCache()
    if entropy.chance(faults[.rollback]), let image = images.first {
      volumes = image
      // What came after it never was.
      images = [image]
      happened(.fault(.rollback))
    }
  }

  /// Remembers the medium as it is every ten minutes, so that a rollback can come back to it: by up to an hour.
  func keepImage() {
    guard faults[.rollback] > 0, !isDead, !isCalm, now >= imageAt,
      newestEpoch > 1 || signedSize(1) > 0
    else { return }
    imageAt = now + 600_000_000
    images.append(volumes)
    if images.count > 6 { images.removeFirst() }
  }

  // MARK: what is there

  /// Bytes of the segments of all epochs, plain and sealed.
  var segmentByteCount: Int { volumes.reduce(0) { $0 + $1.segmentByteCount } }

  /// Bytes of all objects.
  var usedByteCount: Int { volumes.reduce(0) { $0 + $1.byteCount } }

  /// The newest epoch of which anything is there; 0 if there is none.
  var newestEpoch: UInt32 { UInt32(volumes.lastIndex { !$0.isEmpty }.map { $0 + 1 } ?? 0) }

  /// Makes room for the log of an epoch.
  func begin(epoch: UInt32) {
    refusedSuperblocks = []
    let newest = newestEpoch
    if newest > 0, epoch > newest { begins(newest) }
    while volumes.count < Int(epoch) { volumes.append(Volume()) }
  }

  /// The µs that operations took since the last call.
  func takeDuration() -> UInt64 {
    defer { duration = 0 }
    return duration
  }

  func bytes(_ epoch: UInt32, _ object: StorageObject) -> [UInt8]? {
    let volume = Int(epoch) - 1
    switch object {
    case .superblock(let slot): return volumes[volume].superblocks[Int(slot)]
    case .segment(let sequence):
      return volumes[volume].position(of: sequence).map { volumes[volume].segments[$0].bytes }
    case .tile(let level, let index):
      return volumes[volume].tiles[TileKey(level: level, index: index)]
    case .documents: return volumes[volume].documents
    case .summary(let slot): return volumes[volume].summaries[Int(slot)]
    case .sealed(let sequence):
      return volumes[volume].sealed.first { $0.sequence == sequence }?.bytes
    }
  }

  func byteCount(_ epoch: UInt32, _ object: StorageObject) -> Int? {
    bytes(epoch, object)?.count
  }

  /// Changes an object in place, if it exists.
  func change(
    _ epoch: UInt32, _ object: StorageObject, _ body: (inout [UInt8]) -> Void
  ) {
    let volume = Int(epoch) - 1
    switch object {
    case .superblock(let slot):
      guard var bytes = volumes[volume].superblocks[Int(slot)] else { return }
      volumes[volume].superblocks[Int(slot)] = nil
      body(&bytes)
      volumes[volume].superblocks[Int(slot)] = bytes
    case .segment(let sequence):
      guard let at = volumes[volume].position(of: sequence) else { return }
      body(&volumes[volume].segments[at].bytes)
    case .tile(let level, let index):
      let key = TileKey(level: level, index: index)
      guard var bytes = volumes[volume].tiles.removeValue(forKey: key) else { return }
      body(&bytes)
      volumes[volume].tiles[key] = bytes
    case .documents:
      guard var bytes = volumes[volume].documents else { return }
      body(&bytes)
      volumes[volume].documents = bytes
    case .summary(let slot):
      guard var bytes = volumes[volume].summaries[Int(slot)] else { return }
      body(&bytes)
      volumes[volume].summaries[Int(slot)] = bytes
    case .sealed(let sequence):
      guard let at = volumes[volume].sealed.firstIndex(where: { $0.sequence == sequence }) else {
        return
      }
      body(&volumes[volume].sealed[at].bytes)
    }
  }

  /// Makes, replaces or (`nil`) removes an object.
  func put(_ epoch: UInt32, _ object: StorageObject, _ bytes: [UInt8]?) {
    let volume = Int(epoch) - 1
    switch object {
    case .superblock(let slot): volumes[volume].superblocks[Int(slot)] = bytes
    case .segment(let sequence):
      volumes[volume].segments.removeAll { $0.sequence == sequence }
      guard let bytes else { return }
      let at =
        volumes[volume].segments.firstIndex { $0.sequence > sequence }
        ?? volumes[volume].segments.count
      volumes[volume].segments.insert(Segment(sequence: sequence, bytes: bytes), at: at)
    case .tile(let level, let index):
      volumes[volume].tiles[TileKey(level: level, index: index)] = bytes
    case .documents: volumes[volume].documents = bytes
    case .summary(let slot): volumes[volume].summaries[Int(slot)] = bytes
    case .sealed(let sequence):
      volumes[volume].sealed.removeAll { $0.sequence == sequence }
      guard let bytes else { return }
      volumes[volume].sealed.append(Segment(sequence: sequence, bytes: bytes))
      volumes[volume].sealed.sort { $0.sequence < $1.sequence }
    }
  }

  // MARK: operations

  /// Counts an operation; throws where it fails before anything is done.
  func begin() throws(StorageError) {
    guard !isDead else { throw .io }
    operationCount += 1
    duration += 1_000
    if faults[.slowMedium] > 0, !isCalm, entropy.chance(faults[.slowMedium]) {
      duration += entropy.within(100_000...20_000_000)
      happened(.fault(.slowMedium))
    }
    if cutAt == operationCount { die() }
  }

  /// What size an object has, and which segments there are: it may be refused once.
  func look() throws(StorageError) {
    try begin()
    if isDead || strikes(.readError, nil) { throw .io }
  }

  /// `object` is what is written or read; `nil` where nothing in it is.
  func strikes(_ kind: FaultKind, _ object: StorageObject?) -> Bool {
    guard faults[kind] > 0, !isCalm, entropy.chance(faults[kind]) else { return false }
    happened(.fault(kind, object))
    if case .superblock(let slot) = object { refusedSuperblocks.insert(slot) }
    return true
  }

  func read(
    _ epoch: UInt32, _ object: StorageObject, at offset: Int,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(StorageError) {
    try begin()
    if isDead || strikes(.readError, object) { throw .io }
    guard let count = byteCount(epoch, object) else { throw .notFound }
    guard offset + buffer.count <= count else { throw .short }
    if !unreadable.isEmpty, refuses(epoch, object, offset..<offset + buffer.count) { throw .io }
    bytes(epoch, object)?.withUnsafeBytes {
      buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + buffer.count]))
    }
  }

  func write(
    _ epoch: UInt32, _ object: StorageObject, at offset: Int, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError) {
    try begin()
    guard let count = byteCount(epoch, object) else { throw .notFound }
    guard offset + buffer.count <= count else { throw .short }
    attempted(epoch, object, offset, buffer)
    if isDead {
      let unit = tornUnit()
      for start in stride(from: 0, to: buffer.count, by: unit) where entropy.chance(500_000) {
        land(buffer[start..<min(start + unit, buffer.count)], epoch, object, at: offset + start)
      }
      throw .io
    }
    try lookIfWritable(object)
    if refuses(.mediumFull) { throw full(object) }
    if refuses(.mediumRefuses) {
      refuse(object, .mediumRefuses)
      throw .io
    }
    if strikes(.writeError, object) {
      if entropy.chance(500_000) {
        land(buffer[0..<buffer.count / 1_024 * 512], epoch, object, at: offset)
      }
      throw .io
    }
    if strikes(.writeMisdirected, object) {
      let blocks = (count - buffer.count) / 4_096 + 1
      let place = Int(entropy.below(UInt64(blocks))) * 4_096
      let elsewhere = place == offset ? (offset + 4_096) % (blocks * 4_096) : place
      return land(buffer[...], epoch, object, at: elsewhere)
    }
    land(buffer[...], epoch, object, at: offset)
    if strikes(.writeChanged, object) {
      let at = offset + changedByte(of: buffer.count)
      change(epoch, object) { $0[at] ^= 1 }
    }
    if strikes(.writeReported, object) { throw .io }
  }

  /// What of a write arrives or not as one: a sector of a disk, or a page of flash.
  func tornUnit() -> Int { entropy.chance(500_000) ? 512 : 4_096 }

  /// Which byte of so many is changed.
  func changedByte(of count: Int) -> Int { Int(entropy.below(UInt64(count))) }

  private func land(
    _ bytes: Slice<UnsafeRawBufferPointer>, _ epoch: UInt32, _ object: StorageObject,
    at offset: Int
  ) {
    if isLying, let all = self.bytes(epoch, object) {
      let before = Array(all[offset..<offset + bytes.count])
      keep(.bytes(object, offset: offset, before: before), epoch)
    }
    change(epoch, object) { all in
      all.withUnsafeMutableBytes { target in
        UnsafeMutableRawBufferPointer(rebasing: target[offset..<offset + bytes.count])
          .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes))
      }
    }
  }

  private func replace(_ epoch: UInt32, _ object: StorageObject, _ bytes: [UInt8]?) {
    keep(.whole(object, before: self.bytes(epoch, object)), epoch)
    put(epoch, object, bytes)
  }

  /// An object that appears whole or not at all.
  func whole(
    _ epoch: UInt32, _ object: StorageObject, _ bytes: [UInt8]
  ) throws(StorageError) {
    try begin()
    if isDead {
      if entropy.chance(500_000) { replace(epoch, object, bytes) }
      throw .io
    }
    try lookIfWritable(object)
    let grown = usedByteCount + bytes.count - (byteCount(epoch, object) ?? 0)
    if refuses(.mediumFull) || grown > capacity { throw full(object) }
    if strikes(.writeError, object) { throw .io }
    replace(epoch, object, bytes)
    if strikes(.writeReported, object) { throw .io }
  }

  func remove(_ epoch: UInt32, _ object: StorageObject) throws(StorageError) {
    try begin()
    if let prepared, prepared.object == object { forgetPrepared() }
    if isDead {
      if entropy.chance(500_000) { replace(epoch, object, nil) }
      throw .io
    }
    try lookIfWritable(nil)
    if strikes(.writeError, nil) { throw .io }
    replace(epoch, object, nil)
    if strikes(.writeReported, nil) { throw .io }
  }

  /// A segment gets another number, or keeps its own.
  func recycle(_ epoch: UInt32, _ old: UInt64, as new: UInt64) throws(StorageError) {
    try begin()
    let segment = StorageObject.segment(sequence: old)
    guard let bytes = bytes(epoch, segment) else { throw .notFound }
    if !isDead {
      try lookIfWritable(nil)
      if strikes(.writeError, nil) { throw .io }
    }
    let isDone = !isDead || entropy.chance(500_000)
    if isDone {
      put(epoch, segment, nil)
      put(epoch, .segment(sequence: new), bytes)
      keep(.renamed(old, to: new), epoch)
    }
    if isDead { throw .io }
    if strikes(.writeReported, segment) { throw .io }
  }
}
