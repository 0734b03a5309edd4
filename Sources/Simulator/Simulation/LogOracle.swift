import HAL
import TransparencyLog

/// The log as it was handed to the medium, read by nobody but this file from the bytes of each write: what
/// every root must be computed from.
///
/// A frame is 44 bytes and entries, each with its length before it (article DataOnDisk). A frame that begins
/// at an index replaces what stood from there on: it was never committed, or lost.
struct LogOracle {
  private(set) var leaves: [Digest] = []
  private var stack: [(height: Int, hash: Digest)] = []
  private var stackSize = 0
  /// Every root computed so far of a log that nothing has replaced since, by ascending size.
  private var roots: [(size: Int, root: Digest)] = []

  /// A log of these leaves.
  init(leaves: [Digest] = []) { self.leaves = leaves }

  /// Takes the bytes of a write to a segment.
  ///
  /// - Returns: the index of the frame's first entry; `nil` if it is no frame.
  mutating func take(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Int? {
    // Block 0 is the segment's header.
    guard offset > 0, bytes.count >= 44, bytes.starts(with: Array("TSJF".utf8)) else { return nil }
    let first = Int(number(bytes, 16, 8))
    let count = Int(number(bytes, 24, 4))
    precondition(first <= leaves.count, "a frame continues the log")
    leaves.removeLast(leaves.count - first)
    while let last = roots.last, last.size > first { roots.removeLast() }
    if stackSize > first { (stack, stackSize) = ([], 0) }
    var at = 44
    for _ in 0..<count {
      let length = Int(bytes[at]) << 8 | Int(bytes[at + 1])
      var hash = SHA256()
      hash.update(0)
      hash.update(
        UnsafeRawBufferPointer(rebasing: bytes[at + 2..<at + 2 + length])
          .assumingMemoryBound(to: UInt8.self))
      leaves.append(hash.finalize())
      at += 2 + length
    }
    return first
  }

  /// The root over the first `size` entries; `nil` if there are not so many. Sizes that grow cost what lies
  /// between them, and one that was asked for before costs nothing unless entries under it changed.
  mutating func root(size: Int) -> Digest? {
    guard size <= leaves.count else { return nil }
    let at = place(of: size)
    if at < roots.count, roots[at].size == size { return roots[at].root }
    let root = computedRoot(size: size)
    roots.insert((size, root), at: at)
    return root
  }

  /// Where in `roots` a size stands or would stand.
  private func place(of size: Int) -> Int {
    var low = 0
    var high = roots.count
    while low < high {
      let middle = (low + high) / 2
      if roots[middle].size < size { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private mutating func computedRoot(size: Int) -> Digest {
    if stackSize > size { (stack, stackSize) = ([], 0) }
    while stackSize < size {
      var node = (height: 0, hash: leaves[stackSize])
      while let left = stack.last, left.height == node.height {
        stack.removeLast()
        node = (node.height + 1, Tree.node(left.hash, node.hash))
      }
      stack.append(node)
      stackSize += 1
    }
    guard var root = stack.last?.hash else { return Tree.empty }
    for left in stack.dropLast().reversed() { root = Tree.node(left.hash, root) }
    return root
  }

  /// The same by the definition of RFC 6962, 2.1: slow, and with nothing in common with any other tree here.
  func naiveRoot(size: Int) -> Digest { naiveRoot(leaves[..<size]) }

  private func naiveRoot(_ part: ArraySlice<Digest>) -> Digest {
    guard part.count > 1 else { return part.first ?? Tree.empty }
    var split = 1
    while split * 2 < part.count { split *= 2 }
    let middle = part.startIndex + split
    return Tree.node(naiveRoot(part[..<middle]), naiveRoot(part[middle...]))
  }

  private func number(_ bytes: UnsafeRawBufferPointer, _ offset: Int, _ count: Int) -> UInt64 {
    var value: UInt64 = 0
    for i in (0..<count).reversed() { value = value << 8 | UInt64(bytes[offset + i]) }
    return value
  }

  /// What stands whole on a medium, whatever came to harm around it: readings and events by their index, from
  /// the frames whose two checksums are right.
  static func readable(
    _ segments: [(sequence: UInt64, bytes: [UInt8])], epoch: UInt32
  ) -> [(index: Int, leaf: Digest, place: FirstPlace)] {
    var found: [(index: Int, leaf: Digest, place: FirstPlace)] = []
    let oracle = LogOracle()
    for (sequence, bytes) in segments {
      bytes.withUnsafeBytes { all in
        for offset in stride(from: 4_096, to: all.count, by: 4_096) {
          let frame = UnsafeRawBufferPointer(rebasing: all[offset...])
          guard frame.starts(with: Array("TSJF".utf8)), oracle.number(frame, 12, 4) == sequence,
            oracle.number(frame, 40, 4) == crc(frame[..<40])
          else { continue }
          let length = Int(oracle.number(frame, 28, 4))
          guard 44 + length <= frame.count,
            oracle.number(frame, 36, 4) == crc(frame[44..<44 + length])
          else { continue }
          var at = 44
          var index = Int(oracle.number(frame, 16, 8))
          for _ in 0..<oracle.number(frame, 24, 4) {
            let count = Int(frame[at]) << 8 | Int(frame[at + 1])
            let entry = Array(frame[at + 2..<at + 2 + count])
            if let place = firstPlace(entry, epoch, index) {
              found.append((index, Tree.leaf(entry.span), place))
            }
            index += 1
            at += 2 + count
          }
        }
      }
    }
    return found
  }

  /// Where a reading or an event stood first.
  private static func firstPlace(_ entry: [UInt8], _ epoch: UInt32, _ index: Int) -> FirstPlace? {
    let here = CarriedFrom(epoch: UInt64(epoch), index: UInt64(index))
    switch try? Entry.decode(entry.span) {
    case .reading(let reading)?:
      return FirstPlace(reading.ext.carriedFrom(in: entry.span) ?? here, reading.head)
    case .event(let event)?:
      return FirstPlace(event.ext.carriedFrom(in: entry.span) ?? here, event.head)
    default: return nil
    }
  }

  /// CRC-32C, a bit at a time.
  private static func crc(_ bytes: Slice<UnsafeRawBufferPointer>) -> UInt64 {
    var register: UInt32 = 0xFFFF_FFFF
    for byte in bytes {
      register ^= UInt32(byte)
      for _ in 0..<8 { register = register >> 1 ^ (register & 1 == 1 ? 0x82F6_3B78 : 0) }
    }
    return UInt64(~register)
  }
}
