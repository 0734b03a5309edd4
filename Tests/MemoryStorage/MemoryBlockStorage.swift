import HAL

/// A medium in memory that fails and loses power where a test says so.
///
/// Operations are counted from 1. One that is to fail does so once; after a power cut every operation
/// fails until `restorePower`.
package final class MemoryDisk {
  /// An empty disk.
  package init() {}

  /// How an operation fails.
  package enum Fault: CaseIterable, Sendable {
    /// Nothing is done.
    case refused
    /// All is done, and an error is reported nevertheless.
    case doneButReported
    /// The first half of a write is done.
    case half
    /// No error, but a write changes a byte on its way; reads return a changed byte.
    case silent
  }
  /// Which 512-byte sectors of the write that the power cut hits reach the medium.
  package enum Tear: Equatable, Sendable {
    case first(Int)
    case last(Int)
  }

  package private(set) var objects: [String: [UInt8]] = [:]
  package private(set) var operationCount = 0
  /// Operation numbers and how they fail.
  package var faults: [Int: Fault] = [:]
  /// Whether the medium refuses to write to an object at an offset, for as long as it is so.
  package var refusesWrite: (StorageObject, Int) -> Bool = { _, _ in false }
  /// The same of reads: whether the bytes at an offset are among those that it does not show.
  package var refusesRead: (StorageObject, Range<Int>) -> Bool = { _, _ in false }
  /// Whether the medium does not show the size of an object.
  package var refusesSize: (StorageObject) -> Bool = { _ in false }
  /// Bytes that fit; nobody else writes to it.
  package var capacity = Int.max
  /// What an operation that is refused is refused with.
  package var refusal: StorageError?
  /// The operation during which the power goes.
  package var cut: (operation: Int, tear: Tear)?
  private var isDead = false
  /// The number of sectors of each operation that wrote; for enumerating tears.
  package private(set) var sectorCounts: [Int: Int] = [:]

  /// What is being prepared; a loss of power forgets it.
  fileprivate var prepared: (name: String, bytes: [UInt8])?

  package func restorePower() {
    isDead = false
    prepared = nil
    cut = nil
    faults = [:]
    refusal = nil
  }

  /// Sets the medium back to what it held.
  package func restore(_ image: [String: [UInt8]]) { objects = image }
  package func bytes(_ name: String) -> [UInt8] { objects[name] ?? [] }
  package func replace(_ name: String, with bytes: [UInt8]?) { objects[name] = bytes }

  /// Counts the operation and decides about it.
  package func begin(sectors: Int = 0) throws(StorageError) -> Fault? {
    guard !isDead else { throw .io }
    operationCount += 1
    if sectors > 0 { sectorCounts[operationCount] = sectors }
    if let cut, cut.operation == operationCount { isDead = true }
    if let refusal, faults[operationCount] == .refused { throw refusal }
    return faults[operationCount]
  }

  package var hasJustDied: Bool { isDead }

  package var freeByteCount: Int {
    capacity - objects.values.reduce(0) { $0 + $1.count }
  }

  /// Bytes of all segments, plain and sealed.
  package var segmentByteCount: UInt64 {
    objects.reduce(0) { sum, object in
      let isSegment = object.key.hasPrefix("segment.") || object.key.hasPrefix("sealed.")
      return sum + (isSegment ? UInt64(object.value.count) : 0)
    }
  }
}

package struct MemoryBlockStorage: BlockStorage {
  /// Storage on `disk`.
  package init(disk: MemoryDisk) { self.disk = disk }

  package let disk: MemoryDisk

  package static func name(_ object: StorageObject) -> String {
    switch object {
    case .superblock(let slot): "super.\(slot)"
    case .segment(let sequence): "segment.\(sequence)"
    case .tile(let level, let index): "tile.\(level).\(index)"
    case .documents: "documents"
    case .summary(let slot): "summary.\(slot)"
    case .sealed(let sequence): "sealed.\(sequence)"
    }
  }

  package mutating func size(of object: StorageObject) throws(StorageError) -> Int? {
    if try disk.begin() != nil || disk.hasJustDied || disk.refusesSize(object) { throw .io }
    return disk.objects[Self.name(object)]?.count
  }

  package mutating func segmentRange() throws(StorageError) -> ClosedRange<UInt64>? {
    if try disk.begin() != nil || disk.hasJustDied { throw .io }
    let sequences = disk.objects.keys.compactMap { name in
      ["segment.", "sealed."].compactMap { name.hasPrefix($0) ? $0.count : nil }.first
        .flatMap { UInt64(name.dropFirst($0)) }
    }
    guard let low = sequences.min(), let high = sequences.max() else { return nil }
    return low...high
  }

  package mutating func create(_ object: StorageObject, byteCount: Int) throws(StorageError) {
    try whole(object, [UInt8](repeating: 0, count: byteCount))
  }

  package mutating func publish(
    _ object: StorageObject, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError) {
    if disk.refusesWrite(object, 0) { throw .io }
    try whole(object, [UInt8](buffer))
  }

  /// An object that appears whole or not at all; at a power cut with any sector written, whole.
  private mutating func whole(_ object: StorageObject, _ bytes: [UInt8]) throws(StorageError) {
    let fault = try disk.begin(sectors: 1)
    let name = Self.name(object)
    if bytes.count - (disk.objects[name]?.count ?? 0) > disk.freeByteCount { throw .full }
    if disk.hasJustDied {
      if disk.cut?.tear == .first(1) { disk.replace(name, with: bytes) }
      throw .io
    }
    switch fault {
    case nil: disk.replace(name, with: bytes)
    case .refused, .half: throw .full
    case .doneButReported:
      disk.replace(name, with: bytes)
      throw .io
    case .silent:
      var bytes = bytes
      bytes[bytes.count / 3] ^= 0x10
      disk.replace(name, with: bytes)
    }
  }

  package mutating func prepare(
    _ object: StorageObject, at offset: Int, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError) {
    let fault = try disk.begin()
    let name = Self.name(object)
    if disk.hasJustDied || (fault != nil && fault != .silent) {
      disk.prepared = nil
      throw .io
    }
    var bytes: [UInt8] = []
    if let prepared = disk.prepared, prepared.name == name { bytes = prepared.bytes }
    disk.prepared = nil
    let end = offset + buffer.count
    if bytes.count < end { bytes += [UInt8](repeating: 0, count: end - bytes.count) }
    bytes.replaceSubrange(offset..<end, with: buffer)
    if fault == .silent, !buffer.isEmpty { bytes[offset + buffer.count / 3] ^= 0x08 }
    disk.prepared = (name, bytes)
  }

  package mutating func publish(
    prepared object: StorageObject, byteCount: Int
  ) throws(StorageError) {
    guard let prepared = disk.prepared, prepared.name == Self.name(object) else { throw .notFound }
    disk.prepared = nil
    var bytes = Array(prepared.bytes.prefix(byteCount))
    bytes += [UInt8](repeating: 0, count: byteCount - bytes.count)
    try whole(object, bytes)
  }

  package mutating func remove(_ object: StorageObject) throws(StorageError) {
    if try disk.begin() != nil || disk.hasJustDied { throw .io }
    if disk.prepared?.name == Self.name(object) { disk.prepared = nil }
    disk.replace(Self.name(object), with: nil)
  }

  package mutating func recycle(segment old: UInt64, as new: UInt64) throws(StorageError) {
    let fault = try disk.begin(sectors: 1)
    let from = Self.name(.segment(sequence: old))
    guard let bytes = disk.objects[from] else { throw .notFound }
    let isDone =
      disk.hasJustDied ? disk.cut?.tear == .first(1) : fault != .refused && fault != .half
    if isDone {
      disk.replace(from, with: nil)
      disk.replace(Self.name(.segment(sequence: new)), with: bytes)
    }
    if disk.hasJustDied || (fault != nil && fault != .silent) { throw .io }
  }

  package mutating func freeByteCount() -> UInt64? { UInt64(disk.freeByteCount) }

  package mutating func read(
    _ object: StorageObject, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) throws(StorageError) {
    if object != .documents {
      precondition(offset % 4096 == 0 && buffer.count % 4096 == 0, "not whole blocks")
      precondition(UInt(bitPattern: buffer.baseAddress) % 4096 == 0, "not aligned")
    }
    let fault = try disk.begin()
    if disk.hasJustDied || disk.refusesRead(object, offset..<offset + buffer.count) { throw .io }
    guard let bytes = disk.objects[Self.name(object)] else { throw .notFound }
    guard offset + buffer.count <= bytes.count else { throw .short }
    buffer.copyBytes(from: bytes[offset..<(offset + buffer.count)])
    switch fault {
    case nil: break
    case .silent: buffer[buffer.count / 3] ^= 0x04
    default: throw .io
    }
  }

  package mutating func write(
    _ object: StorageObject, at offset: Int, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError) {
    precondition(offset % 4096 == 0 && buffer.count % 4096 == 0, "not whole blocks")
    let fault = try disk.begin(sectors: buffer.count / 512)
    if disk.refusesWrite(object, offset) { throw .io }
    let name = Self.name(object)
    guard var bytes = disk.objects[name] else { throw .notFound }
    guard offset + buffer.count <= bytes.count else { throw .short }
    var landed = 0..<buffer.count
    if disk.hasJustDied, let tear = disk.cut?.tear {
      switch tear {
      case .first(let sectors): landed = 0..<min(sectors * 512, buffer.count)
      case .last(let sectors): landed = max(0, buffer.count - sectors * 512)..<buffer.count
      }
    }
    if fault == .refused { throw .io }
    if fault == .half { landed = 0..<(buffer.count / 1024 * 512) }
    // Without a second reference the array is changed in place.
    disk.replace(name, with: nil)
    bytes.withUnsafeMutableBytes { all in
      let start = offset + landed.lowerBound
      UnsafeMutableRawBufferPointer(rebasing: all[start..<(start + landed.count)])
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[landed]))
    }
    if fault == .silent { bytes[offset + buffer.count / 3] ^= 0x20 }
    disk.replace(name, with: bytes)
    if disk.hasJustDied || fault == .half || fault == .doneButReported { throw .io }
  }
}
