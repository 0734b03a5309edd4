import FuzzKit
import HAL

/// Two superblocks and four segments of 16 KiB in one piece of memory, copied in one go.
final class FuzzDisk {
  static let objectCount = 6
  static let segmentByteCount = 16 << 10
  nonisolated(unsafe) static let scratch = FuzzDisk()
  nonisolated(unsafe) static let before = FuzzDisk()

  var exists = [Bool](repeating: false, count: objectCount)
  private let bytes: UnsafeMutableBufferPointer<UInt8>

  init() {
    let count = 2 * 4096 + (Self.objectCount - 2) * Self.segmentByteCount
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 4096)
    memory.initializeMemory(as: UInt8.self, repeating: 0)
    bytes = memory.bindMemory(to: UInt8.self)
  }

  func memory(of object: Int) -> UnsafeMutableBufferPointer<UInt8>? {
    guard object < Self.objectCount else { return nil }
    let start = object < 2 ? object * 4096 : 8192 + (object - 2) * Self.segmentByteCount
    let count = object < 2 ? 4096 : Self.segmentByteCount
    return UnsafeMutableBufferPointer(rebasing: bytes[start..<(start + count)])
  }

  func copy(_ other: FuzzDisk) {
    for object in 0..<Self.objectCount {
      exists[object] = other.exists[object]
      if exists[object], let to = memory(of: object), let from = other.memory(of: object) {
        UnsafeMutableRawBufferPointer(to).copyMemory(from: UnsafeRawBufferPointer(from))
      }
    }
  }

  func isEqual(to other: FuzzDisk) -> Bool {
    guard exists == other.exists else { return false }
    for object in 0..<Self.objectCount where exists[object] {
      guard let left = memory(of: object), let right = other.memory(of: object),
        areEqual(UnsafeBufferPointer(left).span, UnsafeBufferPointer(right).span)
      else { return false }
    }
    return true
  }
}

/// Storage over a `FuzzDisk`; it never fails, but is full with four segments.
struct FuzzStorage: BlockStorage {
  let disk: FuzzDisk

  private func place(_ object: StorageObject) -> Int? {
    switch object {
    case .superblock(let slot): slot < 2 ? Int(slot) : nil
    case .segment(let sequence): sequence < 4 ? 2 + Int(sequence) : nil
    case .tile, .documents, .summary, .sealed: nil
    }
  }

  private func memory(_ object: StorageObject) throws(StorageError)
    -> UnsafeMutableBufferPointer<UInt8>
  {
    guard let place = place(object), disk.exists[place], let memory = disk.memory(of: place) else {
      throw .notFound
    }
    return memory
  }

  mutating func size(of object: StorageObject) throws(StorageError) -> Int? {
    guard let place = place(object), disk.exists[place] else { return nil }
    return place < 2 ? 4096 : FuzzDisk.segmentByteCount
  }

  mutating func segmentRange() throws(StorageError) -> ClosedRange<UInt64>? {
    guard let low = disk.exists[2...].firstIndex(of: true),
      let high = disk.exists[2...].lastIndex(of: true)
    else { return nil }
    return UInt64(low - 2)...UInt64(high - 2)
  }

  mutating func create(_ object: StorageObject, byteCount: Int) throws(StorageError) {
    guard let place = place(object), let memory = disk.memory(of: place) else { throw .full }
    mustHold(byteCount == memory.count && !disk.exists[place], "a new segment has a new number")
    memory.update(repeating: 0)
    disk.exists[place] = true
  }

  mutating func read(
    _ object: StorageObject, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) throws(StorageError) {
    let memory = try memory(object)
    mustHold(offset % 4096 == 0 && buffer.count % 4096 == 0, "whole blocks are read")
    guard offset + buffer.count <= memory.count else { throw .short }
    buffer.copyMemory(
      from: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(memory)[offset...])
        .prefix(buffer.count).rebased)
  }

  mutating func write(
    _ object: StorageObject, at offset: Int, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError) {
    let memory = try memory(object)
    guard offset + buffer.count <= memory.count else { throw .short }
    UnsafeMutableRawBufferPointer(
      rebasing: UnsafeMutableRawBufferPointer(memory)[offset..<(offset + buffer.count)]
    ).copyMemory(from: buffer)
  }

  mutating func publish(
    _ object: StorageObject, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError) {
    guard let place = place(object), let memory = disk.memory(of: place) else { throw .full }
    mustHold(buffer.count == memory.count, "a superblock has one block")
    UnsafeMutableRawBufferPointer(memory).copyMemory(from: buffer)
    disk.exists[place] = true
  }

  mutating func remove(_ object: StorageObject) throws(StorageError) {
    if let place = place(object) { disk.exists[place] = false }
  }

  mutating func recycle(segment old: UInt64, as new: UInt64) throws(StorageError) {
    let from = try memory(.segment(sequence: old))
    guard let place = place(.segment(sequence: new)), let memory = disk.memory(of: place) else {
      throw .full
    }
    mustHold(!disk.exists[place], "a recycled segment gets a new number")
    UnsafeMutableRawBufferPointer(memory).copyMemory(from: UnsafeRawBufferPointer(from))
    disk.exists[place] = true
    try remove(.segment(sequence: old))
  }

  mutating func freeByteCount() -> UInt64? { nil }
}

extension Slice where Base == UnsafeRawBufferPointer {
  /// The slice as a buffer of its own.
  fileprivate var rebased: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: self) }
}
