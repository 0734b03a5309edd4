import HAL
import Journal
import MemoryStorage

/// A log of known frames whose medium a test damages, and the way back from a copy of its entries.
struct MendingBench {
  /// A frame as it was written.
  struct Frame {
    var segment: String
    var bytes: Range<Int>
    var entries: Range<Int>
  }
  let disk = MemoryDisk()
  private(set) var entries: [[UInt8]] = []
  private(set) var frames: [Frame] = []
  /// The segments as they were written.
  private(set) var image: [String: [UInt8]] = [:]

  /// Entry lengths of each commit: frames of one to three blocks in three segments.
  static let commits = [
    [54, 43], [3900, 150], [7], [3000, 54], [3900, 3900, 99], [43], [12, 13, 14], [4000], [1], [2],
  ]

  /// Writes the log; the mirror has acknowledged so many entries of it.
  init(acknowledged: UInt64? = nil, commits: [[Int]] = MendingBench.commits) throws {
    let fixture = Fixture(MemoryBlockStorage(disk: disk))
    _ = try fixture.recover()
    for lengths in commits {
      for length in lengths {
        entries.append(sampleEntry(entries.count, byteCount: length))
        precondition(fixture.stage(entries[entries.count - 1]), "the entry fits")
      }
      try fixture.journal.commit()
    }
    let size = UInt64(entries.count)
    try fixture.journal.recordSigned(
      size: size, root: Workload.root(size), note: Workload.note(size, "s").span)
    // Both superblocks say so.
    let acknowledged = acknowledged ?? size
    for _ in 0..<2 where acknowledged > 0 {
      try fixture.journal.recordAcknowledged(
        size: acknowledged, cosignedNote: Workload.note(acknowledged, "c").span)
    }
    for number in 0..<9 where !disk.bytes("segment.\(number)").isEmpty {
      image["segment.\(number)"] = disk.bytes("segment.\(number)")
    }
    frames = Self.frames(in: image)
    precondition(frames.map(\.entries.count) == commits.map(\.count), "one frame for each commit")
  }

  private static func frames(in image: [String: [UInt8]]) -> [Frame] {
    var frames: [Frame] = []
    for (name, bytes) in image {
      for offset in stride(from: 4096, to: bytes.count, by: 4096) {
        guard let header = FrameHeader(Array(bytes[offset..<(offset + 4096)]).span) else {
          continue
        }
        let first = Int(header.firstIndex)
        frames.append(
          Frame(
            segment: name, bytes: offset..<(offset + (header.frameByteCount ?? 0)),
            entries: first..<(first + Int(header.count))))
      }
    }
    return frames.sorted { $0.entries.lowerBound < $1.entries.lowerBound }
  }

  /// The medium as it was written.
  func restore() {
    disk.restorePower()
    for number in 0..<9 { disk.replace("segment.\(number)", with: image["segment.\(number)"]) }
  }

  /// Changes one byte.
  func flip(_ segment: String, at offset: Int) {
    var bytes = disk.bytes(segment)
    bytes[offset] ^= 0x20
    disk.replace(segment, with: bytes)
  }

  /// Overwrites bytes.
  func fill(_ segment: String, _ range: Range<Int>, with byte: UInt8 = 0xEE) {
    var bytes = disk.bytes(segment)
    for i in range { bytes[i] = byte }
    disk.replace(segment, with: bytes)
  }

  /// Starts, mends every gap from the entries that were written, and says which there were.
  @discardableResult func mend() throws(JournalError) -> [JournalGap] {
    let fixture = Fixture(MemoryBlockStorage(disk: disk))
    do throws(JournalError) {
      _ = try fixture.recover()
      return []
    } catch {
      guard case .gap = error else { throw error }
    }
    var gaps: [JournalGap] = []
    var read: [Int] = []
    let size = try fixture.journal.walk {
      gaps.append($0)
    } visitor: { index, entry in
      precondition(array(entry) == entries[Int(index)], "what is there is what was written")
      read.append(Int(index))
    }
    precondition(size == UInt64(entries.count), "the log is known to its end")
    let missing = gaps.reduce(0) { $0 + Int($1.endIndex - $1.firstIndex) }
    precondition(read.count + missing == entries.count, "each entry is there or missing")
    for gap in gaps { try mend(gap, fixture) }
    return gaps
  }

  private func mend(_ gap: JournalGap, _ fixture: Fixture<MemoryBlockStorage>) throws(JournalError)
  {
    if gap.isHeader { return try fixture.journal.mendHeader(gap) }
    var left = gap
    while left.firstIndex < gap.endIndex {
      var payload: [UInt8] = []
      var count: UInt32 = 0
      for entry in entries[Int(left.firstIndex)..<Int(gap.endIndex)] {
        guard payload.count + entry.count + 2 <= fixture.journal.mendedByteCountMax else { break }
        payload += [UInt8(entry.count >> 8), UInt8(entry.count & 0xff)] + entry
        count += 1
      }
      try fixture.journal.mend(&left, with: payload.span, count: count)
    }
  }

  /// What is wrong with the log now; `nil` if it is whole and goes on.
  func problem() -> String? {
    do throws(JournalError) {
      let fixture = Fixture(MemoryBlockStorage(disk: disk))
      let (decision, found) = try fixture.recover()
      if decision != .clean { return "recovery says \(decision)" }
      if found != entries { return "other entries" }
      if try fixture.read(0..<UInt64(entries.count)) != entries { return "a visit shows others" }
      for index in entries.indices.reversed() {
        let one = try fixture.read(UInt64(index)..<UInt64(index + 1))
        if one != [entries[index]] { return "a visit of \(index) shows another" }
      }
      try fixture.append([1, 2, 3])
      let again = try Fixture(MemoryBlockStorage(disk: disk)).recover().entries
      if again != entries + [[1, 2, 3]] { return "it does not go on" }
    } catch { return "\(error)" }
    return nil
  }
}
