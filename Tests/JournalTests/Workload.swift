import HAL
import Journal
import MemoryStorage
import TransparencyLog

/// Six commits of varied size over 16 KiB segments, with signing and acknowledging between them, and
/// what is known to be durable so far.
final class Workload {
  /// Entry lengths of each commit. The second frame takes two blocks, so that the third needs a
  /// second segment; the fourth fills it.
  static let commits = [
    [54, 43], [3900, 150], [54, 54, 3000], [3900, 3900], [43], [1, 2, 3, 4],
  ]

  let disk: MemoryDisk
  /// Entries whose `commit` returned.
  private(set) var committed: [[UInt8]] = []
  /// Entries that were handed to the journal since the power was last on, in order.
  private(set) var offered: [[UInt8]] = []
  private(set) var signedSize: UInt64 = 0
  private(set) var acknowledgedSize: UInt64 = 0
  private(set) var bootCounter: UInt32 = 0

  init(_ disk: MemoryDisk) { self.disk = disk }

  static func root(_ size: UInt64) -> Digest {
    Digest(bytes: InlineArray(repeating: UInt8(truncatingIfNeeded: size &+ 1)))
  }
  static func note(_ size: UInt64, _ kind: Character) -> [UInt8] { Array("\(kind) \(size)".utf8) }

  /// Runs until the end or the first error. A failed commit is tried again `retries` times.
  func run(_ fixture: Fixture<MemoryBlockStorage>, retries: Int = 0) throws(JournalError) {
    _ = try fixture.recover()
    bootCounter = try fixture.journal.recordBoot()
    for (number, lengths) in Self.commits.enumerated() {
      offered = committed
      for length in lengths {
        let entry = sampleEntry(offered.count, byteCount: length)
        precondition(fixture.stage(entry))
        offered.append(entry)
      }
      try commit(fixture, retries)
      committed = offered
      if number % 2 == 1 { try sign(fixture) }
      if number == 3 { try acknowledge(fixture) }
    }
  }

  private func commit(
    _ fixture: Fixture<MemoryBlockStorage>, _ retries: Int
  ) throws(JournalError) {
    for _ in 0..<retries {
      do throws(JournalError) { return try fixture.journal.commit() } catch { continue }
    }
    try fixture.journal.commit()
  }

  private func sign(_ fixture: Fixture<MemoryBlockStorage>) throws(JournalError) {
    let size = fixture.journal.committedSize
    try fixture.journal.recordSigned(
      size: size, root: Self.root(size), note: Self.note(size, "s").span)
    signedSize = size
  }

  private func acknowledge(_ fixture: Fixture<MemoryBlockStorage>) throws(JournalError) {
    try fixture.journal.recordAcknowledged(
      size: signedSize, cosignedNote: Self.note(signedSize, "c").span)
    acknowledgedSize = signedSize
  }

  /// Recovers from the medium as it is and says what is wrong, or `nil`.
  func problemAfterRecovery() -> String? {
    let fixture = Fixture(MemoryBlockStorage(disk: disk))
    let recovered: [[UInt8]]
    do throws(JournalError) {
      recovered = try fixture.recover().entries
    } catch {
      return "recovery throws \(error)"
    }
    if recovered.count < committed.count { return "committed entries are missing" }
    if recovered.count > offered.count { return "entries appear that nobody wrote" }
    for (index, entry) in recovered.enumerated() where entry != offered[index] {
      return "entry \(index) is not what was written"
    }
    let superblock = fixture.journal.superblock
    if superblock.signedSize < signedSize { return "a signed size is forgotten" }
    if superblock.acknowledgedSize < acknowledgedSize { return "an acknowledged size is forgotten" }
    if superblock.bootCounter < bootCounter { return "a boot is forgotten" }
    if superblock.signedSize > UInt64(recovered.count) { return "more is signed than is there" }
    if superblock.signedSize > 0 {
      if superblock.signedRoot != Self.root(superblock.signedSize) { return "wrong root" }
      if array(fixture.journal.signedNote) != Self.note(superblock.signedSize, "s") {
        return "wrong note"
      }
    }
    if superblock.acknowledgedSize > 0,
      array(fixture.journal.cosignedNote) != Self.note(superblock.acknowledgedSize, "c")
    {
      return "wrong cosigned note"
    }
    return problemWhenGoingOn(fixture, recovered)
  }

  /// The recovered log takes further entries, and they are there after the next recovery.
  private func problemWhenGoingOn(
    _ fixture: Fixture<MemoryBlockStorage>, _ recovered: [[UInt8]]
  ) -> String? {
    do throws(JournalError) {
      var all = recovered
      for length in [77, 3900, 3900, 12] {
        all.append(sampleEntry(1000 + all.count, byteCount: length))
        try fixture.append(all[all.count - 1])
      }
      if try fixture.read(0..<UInt64(all.count)) != all { return "visit shows other entries" }
      let again = Fixture(MemoryBlockStorage(disk: disk))
      let (decision, entries) = try again.recover()
      if decision != .clean { return "the second recovery is \(decision)" }
      if entries != all { return "the second recovery shows other entries" }
    } catch {
      return "going on throws \(error)"
    }
    return nil
  }
}
