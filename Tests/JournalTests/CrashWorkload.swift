import HAL
import Journal
import MemoryStorage
import Testing
import TransparencyLog

/// A run of an agent as its journal sees it: it starts, then takes some steps.
struct CrashWorkload: Sendable, CustomTestStringConvertible {
  enum Step: Sendable {
    /// A group commit of entries with these lengths.
    case commit([Int])
    /// Everything committed is signed, the note is released.
    case sign
    /// What is signed is acknowledged.
    case acknowledge
    /// Room is made: what is acknowledged is given up, segment by segment, until one is free.
    case giveUp
    /// A hash tile has filled.
    case tile(index: UInt64)
    /// The agent ends and starts again, and writes its copy of the documents.
    case restart
  }

  var name: String
  var steps: [Step]

  var testDescription: String { name }

  init(_ name: String, _ steps: [Step]) {
    self.name = name
    self.steps = steps
  }

  /// One to six commits over segments of 16 KiB, that is three blocks of frames. Frames have one block or two;
  /// none has more than ten sectors, so that all subsets of them can be tried.
  static let all: [CrashWorkload] = [
    CrashWorkload("one", [.commit([54, 43])]),
    CrashWorkload("two", [.commit([54, 43]), .sign, .commit([900]), .sign, .acknowledge]),
    CrashWorkload(
      "three, of two blocks, into a second segment",
      [.commit([54]), .commit([3900, 150]), .sign, .acknowledge, .commit([300]), .sign]),
    CrashWorkload(
      "four, with tiles",
      [
        .commit([1500]), .tile(index: 0), .sign, .commit([54]), .commit([54]), .acknowledge,
        .tile(index: 1), .commit([600]), .sign, .acknowledge,
      ]),
    CrashWorkload(
      "five, with a restart",
      [
        .commit([54, 43]), .sign, .commit([2000]), .restart, .commit([43]), .sign, .acknowledge,
        .commit([54, 1000]), .sign, .restart, .commit([1, 2, 3]),
      ]),
    CrashWorkload(
      "six",
      [
        .commit([54, 43]), .commit([3900, 150]), .sign, .commit([54, 54, 1000]),
        .commit([2900]), .sign, .acknowledge, .commit([43]), .commit([1, 2, 3, 4]), .sign,
        .acknowledge,
      ]),
  ]

  /// Logs that give up their front, and take its segments anew. The first begins to keep its entries in the middle of
  /// a frame, and its new segment holds three frames of the old one, of which the last stays whole behind the first new
  /// one. In the second what is left behind the new ones is a frame of two blocks; it ends with nothing that must be
  /// kept. In the third two segments come free at once, and one of them is removed.
  static let givingUp: [CrashWorkload] = [
    CrashWorkload(
      "six, into a segment taken anew",
      [
        .commit([54, 43]), .commit([54]), .commit([300, 54]), .commit([3900, 100, 54, 1]), .sign,
        .acknowledge, .giveUp, .commit([3900, 150]), .commit([43]), .sign,
      ]),
    CrashWorkload(
      "six, given up twice, with restarts",
      [
        .commit([54, 43, 1]), .commit([3900, 150]), .commit([54, 54, 54, 300]), .sign,
        .acknowledge, .giveUp, .commit([2000, 43]), .commit([700, 1200]), .commit([300, 1, 1]),
        .restart, .sign, .acknowledge, .giveUp, .restart,
      ]),
    CrashWorkload(
      "five, two segments given up at once",
      [
        .commit([3900, 150]), .commit([3900, 150]), .commit([3900, 150]), .sign, .acknowledge,
        .giveUp, .commit([54]), .commit([600]), .sign,
      ]),
  ]

  /// Every sequence of so many steps of these, as far as they make sense: nothing is signed before something is
  /// committed, nor acknowledged before it is signed.
  static func sequences(_ count: Int) -> [CrashWorkload] {
    let steps: [Step] = [.commit([54]), .commit([700, 1200]), .sign, .acknowledge, .restart]
    var sequences: [[Step]] = [[]]
    for _ in 0..<count { sequences = sequences.flatMap { begun in steps.map { begun + [$0] } } }
    return sequences.filter(isSensible).map { CrashWorkload("\($0)", $0) }
  }

  private static func isSensible(_ steps: [Step]) -> Bool {
    var hasEntries = false
    var isSigned = false
    for step in steps {
      switch step {
      case .commit: hasEntries = true
      case .sign:
        guard hasEntries else { return false }
        isSigned = true
      case .acknowledge: guard isSigned else { return false }
      case .giveUp, .tile, .restart: break
      }
    }
    return true
  }

  static func root(_ size: UInt64) -> Digest {
    Digest(bytes: InlineArray(repeating: UInt8(truncatingIfNeeded: size &+ 1)))
  }
  static func note(_ size: UInt64, _ kind: Character) -> [UInt8] { Array("\(kind) \(size)".utf8) }
  static func tile(_ index: UInt64) -> [UInt8] { [UInt8](repeating: UInt8(index + 7), count: 8192) }
  static let documents = [UInt8]("documents".utf8)

  /// The operations of a whole run that are cut: where entries are given up those from then on, for what comes before
  /// leaves no other states than in workloads that give none up.
  func operationsToCut(_ run: CrashMedium) throws(JournalError) -> ArraySlice<CrashMedium.Operation>
  {
    let place = steps.firstIndex { if case .giveUp = $0 { true } else { false } }
    guard let place else { return run.operations[...] }
    let begun = CrashMedium()
    try CrashWorkload("", Array(steps[..<place])).run(on: begun)
    return run.operations.dropFirst(begun.operations.count)
  }

  /// Runs until the end or the first error.
  func run(on medium: CrashMedium) throws(JournalError) {
    var fixture = try start(medium)
    for step in steps {
      switch step {
      case .commit(let lengths): try commit(lengths, fixture, medium)
      case .sign: try sign(fixture, medium)
      case .acknowledge: try acknowledge(fixture, medium)
      case .giveUp: try giveUp(fixture, medium)
      case .tile(let index):
        publish(.tile(level: 1, index: index), CrashWorkload.tile(index), fixture, medium)
      case .restart:
        fixture = try start(medium)
        publish(.documents, CrashWorkload.documents, fixture, medium)
      }
    }
  }

  private func start(_ medium: CrashMedium) throws(JournalError) -> Fixture<CrashStorage> {
    let fixture = Fixture(CrashStorage(medium: medium))
    medium.isStarting = true
    let (_, first, entries) = try fixture.recoverKept()
    medium.isStarting = false
    let size = Int(first) + entries.count
    precondition(
      first <= medium.promise.givenUpIndex && size >= medium.promise.committedCount
        && entries[...] == medium.promise.offered.prefix(size).dropFirst(Int(first)),
      "a start finds what was committed and is kept, and nothing that was not offered")
    medium.promise.offered.removeLast(medium.promise.offered.count - size)
    medium.promise.committedCount = size
    medium.promise.bootCounter = try fixture.journal.recordBoot()
    return fixture
  }

  private func commit(
    _ lengths: [Int], _ fixture: Fixture<CrashStorage>, _ medium: CrashMedium
  ) throws(JournalError) {
    for length in lengths {
      let entry = sampleEntry(medium.promise.offered.count, byteCount: length)
      precondition(fixture.stage(entry), "the frame takes it")
      medium.promise.offered.append(entry)
    }
    try fixture.journal.commit()
    medium.promise.committedCount = medium.promise.offered.count
  }

  private func sign(
    _ fixture: Fixture<CrashStorage>, _ medium: CrashMedium
  ) throws(JournalError) {
    let size = fixture.journal.committedSize
    try fixture.journal.recordSigned(
      size: size, root: CrashWorkload.root(size), note: CrashWorkload.note(size, "s").span)
    fixture.journal.noteReleased(size: size)
    medium.promise.signedSize = size
  }

  private func acknowledge(
    _ fixture: Fixture<CrashStorage>, _ medium: CrashMedium
  ) throws(JournalError) {
    let size = medium.promise.signedSize
    try fixture.journal.recordAcknowledged(
      size: size, cosignedNote: CrashWorkload.note(size, "c").span)
    medium.promise.acknowledgedSize = size
  }

  private func giveUp(
    _ fixture: Fixture<CrashStorage>, _ medium: CrashMedium
  ) throws(JournalError) {
    try fixture.keepRoom(below: medium.promise.acknowledgedSize) {
      medium.promise.givenUpIndex = $0
    }
    medium.promise.minimumIndex = medium.promise.givenUpIndex
    #expect(
      medium.promise.minimumIndex > 0 && fixture.journal.freeSegmentCount == 1,
      "\(name): one segment can be taken anew")
  }

  /// A tile or the documents: what cannot be written now is made anew later.
  private func publish(
    _ object: StorageObject, _ bytes: [UInt8], _ fixture: Fixture<CrashStorage>,
    _ medium: CrashMedium
  ) {
    let isDone = bytes.withUnsafeBytes {
      (try? fixture.journal.storage.publish(object, from: $0)) != nil
    }
    if isDone { medium.promise.published[MemoryBlockStorage.name(object)] = bytes }
  }
}
