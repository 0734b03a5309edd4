import HAL
import Journal
import MemoryStorage
import TransparencyLog

/// A journal with its memory, for tests.
final class Fixture<Storage: BlockStorage & ~Copyable> {
  var journal: Journal<Storage>
  private let memory: UnsafeMutableRawBufferPointer

  init(_ storage: consuming Storage, _ configuration: JournalConfiguration = .small) {
    memory = .allocate(byteCount: configuration.memoryByteCount, alignment: 4096)
    memory.initializeMemory(as: UInt8.self, repeating: 0xa5)
    journal = Journal(storage: storage, configuration: configuration, memory: memory)
  }

  deinit { memory.deallocate() }

  /// Recovers a log that is whole, collecting the entries.
  func recover() throws(JournalError) -> (decision: RecoveryCase, entries: [[UInt8]]) {
    let (decision, first, entries) = try recoverKept()
    precondition(first == 0, "nothing was given up")
    return (decision, entries)
  }

  /// Recovers, collecting the entries that are kept, from the one at `first` on.
  func recoverKept() throws(JournalError) -> (
    decision: RecoveryCase, first: UInt64, entries: [[UInt8]]
  ) {
    var first: UInt64?
    var entries: [[UInt8]] = []
    let decision = try journal.recover { index, entry in
      let start = first ?? index
      precondition(index == start + UInt64(entries.count), "entries come in order")
      first = start
      entries.append(array(entry))
    }
    return (decision, first ?? journal.committedSize, entries)
  }

  /// Entries of a range.
  func read(_ range: Range<UInt64>) throws(JournalError) -> [[UInt8]] {
    var entries: [[UInt8]] = []
    try journal.visit(range) { index, entry in
      precondition(index == range.lowerBound + UInt64(entries.count), "entries come in order")
      entries.append(array(entry))
    }
    return entries
  }

  func stage(_ entry: [UInt8]) -> Bool { journal.stage(entry.span) }

  func append(_ entry: [UInt8]) throws(JournalError) {
    precondition(stage(entry), "the entry fits")
    try journal.commit()
  }
}

extension JournalConfiguration {
  /// Segments of 16 KiB with frames of at most 12 KiB.
  static var small: JournalConfiguration {
    JournalConfiguration(epoch: 1, originHash: testOrigin, segmentByteCount: 16 << 10)
  }
}

let testOrigin = Digest(bytes: InlineArray(repeating: 0x4f))

func array(_ span: Span<UInt8>) -> [UInt8] { span.withUnsafeBufferPointer { [UInt8]($0) } }
func array(_ bytes: UnsafeBufferPointer<UInt8>) -> [UInt8] { [UInt8](bytes) }

/// The entry at `index`: recognisable, of 0 to 4,096 bytes.
func sampleEntry(_ index: Int, byteCount: Int) -> [UInt8] {
  let start = index % 64
  return Array(samplePattern[(start * 61)..<(start * 61 + byteCount)])
}

private let samplePattern = (0..<8192).map { UInt8(truncatingIfNeeded: ($0 &* $0) >> 3 ^ $0) }
