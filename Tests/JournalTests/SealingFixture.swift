import HAL
import Journal
import MemoryStorage
import Simulator
import TransparencyLog

typealias SealingMemoryStorage = SealingStorage<MemoryBlockStorage, RunLengthCodec>

extension Fixture where Storage == SealingMemoryStorage {
  /// A journal that seals, over a medium in memory.
  convenience init(
    sealingOn disk: MemoryDisk, _ configuration: JournalConfiguration = .sealing,
    isCompressing: Bool = true
  ) {
    self.init(
      SealingStorage(
        base: MemoryBlockStorage(disk: disk),
        codec: RunLengthCodec(
          memoryByteCount: SealingMemory.byteCount, isCompressing: isCompressing)),
      configuration)
  }

  /// Seals whatever can be sealed; returns the number of steps.
  @discardableResult
  func sealAll() throws(JournalError) -> Int {
    var count = 0
    while try journal.seal() { count += 1 }
    return count
  }

  /// Commits `count` entries that are alike one by one, and signs them.
  func fill(_ entries: inout [[UInt8]], _ count: Int) throws {
    for _ in 0..<count {
      entries.append(alikeEntry(entries.count))
      try append(entries[entries.count - 1])
    }
    try signAll()
  }

  /// Signs all that is committed.
  func signAll() throws(JournalError) {
    let size = journal.committedSize
    try journal.recordSigned(
      size: size, root: CrashWorkload.root(size), note: CrashWorkload.note(size, "s").span)
  }
}

extension SealingStep {
  /// Nothing is left to do of the segment.
  var isLast: Bool {
    switch self {
    case .working, .published: false
    case .sealed, .declined: true
    }
  }
}

extension JournalConfiguration {
  /// Segments of 32 KiB, that is seven blocks of frames: the shortest of whole frames that sealing halves.
  static var sealing: JournalConfiguration {
    JournalConfiguration(
      epoch: 1, originHash: testOrigin, segmentByteCount: 32 << 10, frameByteCountMax: 12 << 10)
  }
}

/// An entry that is like others of its kind: an array, a type, a number that counts, and bytes that stay.
func alikeEntry(_ index: Int, byteCount: Int = 60) -> [UInt8] {
  var entry = [UInt8](repeating: 0x55, count: byteCount)
  entry[0] = 0x8c
  entry[1] = 1
  entry[2] = UInt8(truncatingIfNeeded: index >> 8)
  entry[3] = UInt8(truncatingIfNeeded: index)
  return entry
}
