import HAL
import TransparencyLog

/// The log as it was handed to the medium, read by nobody but this file from the bytes of each write: what
/// every root must be computed from.
///
/// A frame is 44 bytes and entries, each with its length before it (article DataOnDisk). A frame that begins
/// at an index replaces what stood from there on: it was never committed, or lost. One that says again what stands
/// there mends a log, and changes nothing.
struct LogOracle {
  /// Hash of each entry.
  var leaves: [Digest] { subtrees[0] }
  /// Hashes of the subtrees of 2^k entries, for each k from left to right: what the definition gave when it
  /// was asked for them first.
  private var subtrees: [[Digest]]

  /// A log of these leaves.
  init(leaves: [Digest] = []) {
    subtrees = [leaves] + [[Digest]](repeating: [], count: 40)
  }

  /// Takes further leaves from elsewhere.
  mutating func add(_ leaves: ArraySlice<Digest>) { subtrees[0] += leaves }

  /// Takes the bytes of a write to a segment.
  ///
  /// - Returns: the index of the frame's first entry; `nil` if it is no frame, or says what stands there already.
  mutating func take(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Int? {
    // Block 0 is the segment's header.
    guard offset > 0, bytes.count >= 44, bytes.starts(with: Array("TSJF".utf8)) else { return nil }
    let first = Int(LogOracle.number(bytes, 16, 8))
    let count = Int(LogOracle.counts(bytes).entries)
    precondition(first <= leaves.count, "a frame continues the log")
    var at = 44
    var hashes: [Digest] = []
    for _ in 0..<count {
      let length = Int(bytes[at]) << 8 | Int(bytes[at + 1])
      var hash = SHA256()
      hash.update(0)
      hash.update(
        UnsafeRawBufferPointer(rebasing: bytes[at + 2..<at + 2 + length])
          .assumingMemoryBound(to: UInt8.self))
      hashes.append(hash.finalize())
      at += 2 + length
    }
    if first + count <= leaves.count, leaves[first..<first + count].elementsEqual(hashes) {
      return nil
    }
    forget(from: first)
    subtrees[0] += hashes
    return first
  }

  /// Number of entries and length of the payload in a frame: a mended one has them in two bytes each.
  private static func counts(_ frame: UnsafeRawBufferPointer) -> (entries: UInt64, bytes: UInt64) {
    number(frame, 4, 2) == 2
      ? (number(frame, 24, 2), number(frame, 26, 2)) : (number(frame, 24, 4), number(frame, 28, 4))
  }

  /// Entries from an index on never were, and nothing that was over them.
  private mutating func forget(from first: Int) {
    for height in subtrees.indices {
      subtrees[height].removeLast(max(subtrees[height].count - first >> height, 0))
    }
  }

  /// The root over the first `size` entries by the definition of RFC 6962, 2.1; `nil` if there are not so many.
  ///
  /// It has nothing in common with any other tree here, and hashes one by one, never many at once as those that
  /// it judges do. What it has computed of entries that nothing replaced since is not computed again.
  mutating func root(size: Int) -> Digest? {
    guard size <= leaves.count else { return nil }
    // A subtree of 2^k entries is a node over its halves.
    for height in 1..<subtrees.count where subtrees[height].count < size >> height {
      for i in subtrees[height].count..<size >> height {
        subtrees[height].append(
          Tree.node(subtrees[height - 1][2 * i], subtrees[height - 1][2 * i + 1]))
      }
    }
    return size == 0 ? Tree.empty : hash(of: 0..<size)
  }

  /// The tile of 256 hashes at a place (C2SP tlog-tiles), each of them over 256^level entries; `nil` if there are not so many.
  mutating func tile(level: Int, index: Int) -> [UInt8]? {
    let height = 8 * level
    let hashes = index * 256..<(index + 1) * 256
    guard height < subtrees.count, hashes.upperBound <= leaves.count >> height,
      root(size: leaves.count) != nil
    else { return nil }
    return subtrees[height][hashes].flatMap { hash in
      (0..<Digest.byteCount).map { hash.bytes[$0] }
    }
  }

  /// MTH of a range that is not empty and begins where a subtree of its width may.
  private func hash(of range: Range<Int>) -> Digest {
    if range.count & (range.count - 1) == 0 {
      return subtrees[range.count.trailingZeroBitCount][range.lowerBound / range.count]
    }
    var split = 1
    while split * 2 < range.count { split *= 2 }
    let middle = range.lowerBound + split
    return Tree.node(hash(of: range.lowerBound..<middle), hash(of: middle..<range.upperBound))
  }

  private static func number(_ bytes: UnsafeRawBufferPointer, _ offset: Int, _ count: Int) -> UInt64
  {
    var value: UInt64 = 0
    for i in (0..<count).reversed() { value = value << 8 | UInt64(bytes[offset + i]) }
    return value
  }

  /// What stands whole on a medium, whatever came to harm around it: readings and events by their index, from
  /// the frames whose two checksums are right. Where no copy of the documents stands beside the log, a reading or a run of
  /// slots says nothing without the channel that it names.
  static func readable(
    _ segments: [(sequence: UInt64, bytes: [UInt8])], epoch: UInt32, hasDocuments: Bool = true
  ) -> [(index: Int, leaf: Digest, place: FirstPlace)] {
    var found: [(index: Int, leaf: Digest, place: FirstPlace)] = []
    var channels: Set<UInt64> = []
    var channelOf: [Int: UInt64] = [:]
    forEachEntry(in: segments) { index, entry in
      if let place = firstPlace(entry, epoch, index) {
        found.append((index, Tree.leaf(entry.span), place))
      }
      switch try? Entry.decode(entry.span) {
      case .config?: channels.insert(UInt64(index))
      case .reading(let reading)?: channelOf[index] = reading.channel
      case .event(let event)?: channelOf[index] = event.shed(in: entry.span)?.channel
      default: break
      }
    }
    guard !hasDocuments else { return found }
    return found.filter { found in channelOf[found.index].map(channels.contains) ?? true }
  }

  /// How many entries of a range stand in no whole frame.
  static func missing(
    _ range: Range<Int>, in segments: [(sequence: UInt64, bytes: [UInt8])]
  ) -> Int {
    var missing = Set(range)
    forEachEntry(in: segments) { index, _ in missing.remove(index) }
    return missing.count
  }

  /// What is wrong with a log that was mended: the entries of a run are not those that were recorded; `nil` if
  /// they are.
  func problem(
    ofMended run: Range<UInt64>, in segments: [(sequence: UInt64, bytes: [UInt8])]
  ) -> String? {
    var missing = Set(run.map(Int.init))
    var problem: String?
    LogOracle.forEachEntry(in: segments) { index, entry in
      guard run.contains(UInt64(index)), index < leaves.count else { return }
      missing.remove(index)
      if Tree.leaf(entry.span) != leaves[index] {
        problem = "entry \(index) came back as another than was recorded"
      }
    }
    if let problem { return problem }
    return missing.isEmpty ? nil : "\(missing.count) entries of \(run) did not come back"
  }

  /// Calls `body` with each entry in a whole frame. A segment ends where one behind it says that it begins, by its header
  /// or by the first frame that is left of it.
  private static func forEachEntry(
    in segments: [(sequence: UInt64, bytes: [UInt8])], _ body: (Int, [UInt8]) -> Void
  ) {
    var bound = UInt64.max
    for (sequence, bytes) in segments.reversed() {
      let end = bound
      var first = firstIndex(ofSegment: sequence, bytes) ?? bound
      defer { bound = min(bound, first) }
      bytes.withUnsafeBytes { all in
        for offset in stride(from: 4_096, to: all.count, by: 4_096) {
          let frame = UnsafeRawBufferPointer(rebasing: all[offset...])
          guard frame.starts(with: Array("TSJF".utf8)), number(frame, 12, 4) == sequence,
            number(frame, 40, 4) == crc(frame[..<40])
          else { continue }
          let counts = counts(frame)
          let length = Int(counts.bytes)
          guard 44 + length <= frame.count,
            number(frame, 36, 4) == crc(frame[44..<44 + length])
          else { continue }
          var at = 44
          var index = Int(number(frame, 16, 8))
          first = min(first, UInt64(index))
          for _ in 0..<counts.entries {
            let count = Int(frame[at]) << 8 | Int(frame[at + 1])
            if UInt64(index) < end { body(index, Array(frame[at + 2..<at + 2 + count])) }
            index += 1
            at += 2 + count
          }
        }
      }
    }
  }

  /// What the header of a segment says; `nil` if it is not whole.
  static func firstIndex(ofSegment sequence: UInt64, _ bytes: [UInt8]) -> UInt64? {
    bytes.withUnsafeBytes { all in
      guard all.count >= 32, all.starts(with: Array("TSJS".utf8)), number(all, 12, 4) == sequence,
        number(all, 28, 4) == crc(all[..<28])
      else { return nil }
      return number(all, 16, 8)
    }
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
