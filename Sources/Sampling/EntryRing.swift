import Synchronization

/// A queue of encoded entries from the thread that samples to the thread that records.
///
/// Fixed memory, one producer, one consumer, no lock. An item is `u16 length (little-endian) ‖ bytes`;
/// items wrap around the end. `push` gives back `false` when an item does not fit: the producer then
/// counts a loss and logs it when there is room again, and never waits.
public struct EntryRing: ~Copyable, @unchecked Sendable {
  // @unchecked: `memory` is written only between head and tail by the producer and read only between
  // tail and head by the consumer; the two atomics publish with release and acquire.
  private let memory: UnsafeMutableBufferPointer<UInt8>
  private let head = Atomic<UInt32>(0)
  private let tail = Atomic<UInt32>(0)

  /// A ring over `memory`, whose size must be a power of two from 8 KiB to 1 GiB and outlive the ring.
  public init(_ memory: UnsafeMutableBufferPointer<UInt8>) {
    precondition(
      memory.count >= 8_192 && memory.count <= 1 &<< 30 && memory.count & (memory.count &- 1) == 0,
      "ring size must be a power of two")
    self.memory = memory
  }

  /// Bytes in use, lengths included.
  public var byteCount: Int {
    Int(
      truncatingIfNeeded: head.load(ordering: .acquiring) &- tail.load(ordering: .acquiring))
  }

  /// Bytes in all.
  public var capacity: Int { memory.count }

  /// Producer: adds an entry of 1 to 65,535 bytes, or returns `false` when it does not fit.
  public func push(_ entry: UnsafeBufferPointer<UInt8>) -> Bool {
    precondition(!entry.isEmpty && entry.count <= 65_535, "entry length")
    let start = head.load(ordering: .relaxed)
    let used = Int(truncatingIfNeeded: start &- tail.load(ordering: .acquiring))
    guard entry.count &+ 2 <= memory.count &- used else { return false }
    let mask = UInt32(truncatingIfNeeded: memory.count &- 1)
    memory[Int(truncatingIfNeeded: start & mask)] = UInt8(truncatingIfNeeded: entry.count)
    memory[Int(truncatingIfNeeded: (start &+ 1) & mask)] = UInt8(
      truncatingIfNeeded: entry.count &>> 8)
    let at = start &+ 2
    let place = Int(truncatingIfNeeded: at & mask)
    let first = entry.count < memory.count &- place ? entry.count : memory.count &- place
    EntryRing.copy(entry, 0..<first, to: memory, at: place)
    EntryRing.copy(entry, first..<entry.count, to: memory, at: 0)
    head.store(at &+ UInt32(truncatingIfNeeded: entry.count), ordering: .releasing)
    return true
  }

  /// Consumer: copies the oldest entry into `buffer` and returns its length, or 0 when there is none.
  ///
  /// It stays in the ring until `removeFirst()`. `buffer` must hold the longest entry.
  public func peek(into buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
    let start = tail.load(ordering: .relaxed)
    guard start != head.load(ordering: .acquiring) else { return 0 }
    let mask = UInt32(truncatingIfNeeded: memory.count &- 1)
    let count = length(at: start, mask: mask)
    precondition(count <= buffer.count, "buffer shorter than an entry")
    let place = Int(truncatingIfNeeded: (start &+ 2) & mask)
    let first = count < memory.count &- place ? count : memory.count &- place
    let source = UnsafeBufferPointer(memory)
    EntryRing.copy(source, place..<place &+ first, to: buffer, at: 0)
    EntryRing.copy(source, 0..<count &- first, to: buffer, at: first)
    return count
  }

  private static func copy(
    _ source: UnsafeBufferPointer<UInt8>, _ range: Range<Int>,
    to target: UnsafeMutableBufferPointer<UInt8>, at place: Int
  ) {
    let part = UnsafeMutableBufferPointer(rebasing: target[place..<place &+ range.count])
    UnsafeMutableRawBufferPointer(part).copyMemory(
      from: UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: source[range])))
  }

  /// Consumer: drops the entry that `peek` returned.
  public func removeFirst() {
    let start = tail.load(ordering: .relaxed)
    precondition(start != head.load(ordering: .acquiring), "the ring is empty")
    let mask = UInt32(truncatingIfNeeded: memory.count &- 1)
    let count = UInt32(truncatingIfNeeded: length(at: start, mask: mask))
    tail.store(start &+ 2 &+ count, ordering: .releasing)
  }

  private func length(at start: UInt32, mask: UInt32) -> Int {
    let low = Int(memory[Int(truncatingIfNeeded: start & mask)])
    let high = Int(memory[Int(truncatingIfNeeded: (start &+ 1) & mask)])
    return low | high &<< 8
  }
}
