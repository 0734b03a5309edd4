import FuzzKit
import HAL
import Journal
import TransparencyLog

/// Journals over a disk, one after another, in memory that is allocated once.
final class JournalRun {
  nonisolated(unsafe) static let first = JournalRun()
  nonisolated(unsafe) static let second = JournalRun()
  static let origin = Digest(bytes: InlineArray(repeating: 0x4F))
  static let configuration = JournalConfiguration(
    epoch: 1, originHash: origin, segmentByteCount: FuzzDisk.segmentByteCount)

  /// What recovery found.
  struct Found {
    var decision: RecoveryCase
    var size: UInt64
    var signedSize: UInt64
    var signedRoot: Digest
    /// Over all entries with their lengths.
    var hash: UInt64
  }

  private let memory = UnsafeMutableRawBufferPointer.allocate(
    byteCount: configuration.memoryByteCount, alignment: 4096)
  private var journal: Journal<FuzzStorage>

  private init() {
    journal = Journal(
      storage: FuzzStorage(disk: .scratch), configuration: Self.configuration, memory: memory)
  }

  func recover(_ disk: FuzzDisk) -> Result<Found, JournalError> {
    journal = Journal(
      storage: FuzzStorage(disk: disk), configuration: Self.configuration, memory: memory)
    var next: UInt64 = 0
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    do throws(JournalError) {
      let decision = try journal.recover { index, entry in
        mustHold(index == next, "entries come in order, each once")
        next += 1
        hash = (hash ^ UInt64(entry.count)) &* 0x100_0000_01B3
        for i in 0..<entry.count { hash = (hash ^ UInt64(entry[i])) &* 0x100_0000_01B3 }
      }
      mustHold(journal.committedSize == next, "the size is the number of entries given")
      return .success(
        Found(
          decision: decision, size: next, signedSize: journal.superblock.signedSize,
          signedRoot: journal.superblock.signedRoot, hash: hash))
    } catch {
      return .failure(error)
    }
  }

  /// Commits entries in one frame; `false` where the disk takes no more.
  func append(_ entries: [[UInt8]]) -> Bool {
    for entry in entries { mustHold(journal.stage(entry.span), "short entries fit an empty frame") }
    return (try? journal.commit()) != nil
  }

  func sign(_ size: UInt64) {
    do throws(JournalError) {
      let note = [UInt8](repeating: 0x6E, count: 40)
      try journal.recordSigned(size: size, root: Self.origin, note: note.span)
    } catch {
      mustHold(false, "a prepared log can be signed: \(error)")
    }
  }
}

/// The media that inputs start from.
enum PreparedImages {
  nonisolated(unsafe) static let all: [FuzzDisk] = [
    FuzzDisk(), make(frames: 0), make(frames: 2), make(frames: 5), make(frames: 7),
  ]

  /// A log of so many commits, of 1 to 3 entries each, all but the last commit signed.
  private static func make(frames: Int) -> FuzzDisk {
    let disk = FuzzDisk()
    guard case .success = JournalRun.first.recover(disk) else {
      mustHold(false, "a log can be begun")
      return disk
    }
    var size: UInt64 = 0
    for frame in 0..<frames {
      if frame == frames - 1 { JournalRun.first.sign(size) }
      let entries = (0...(frame % 3)).map { number in
        [UInt8](repeating: UInt8(16 * frame + number), count: frame == 3 ? 4_500 : 20)
      }
      mustHold(JournalRun.first.append(entries), "prepared entries are committed")
      size += UInt64(entries.count)
    }
    return disk
  }
}
