import HAL
import Journal
import Testing

/// Every state in which a loss of power can leave the medium is made, and recovered from.
///
/// An honest medium, which keeps `BlockStorage`'s contract, has one operation under way at most. The states that
/// it may leave are: for each operation the medium before it; after it; and, if it writes in place, with each
/// subset of the 512-byte sectors that it changes (2^k states stand for all 2^8 of a block and 2^16 of two,
/// since a sector that stays the same cannot be told from one that arrived). What `create`, `publish` and
/// `remove` change is there whole or not at all.
///
/// A medium that lies about its cache has the newest writes there: each of them but the newest is lost or not,
/// whatever came later, down to `CrashStateTests.cachedWriteCount`, and of the newest some first sectors are there.
/// Files that appeared or were replaced stay.
///
/// Where a segment gets another number, it may have either until its directory is synced.
///
/// The numbers of states are stated, so that they do not become fewer unnoticed.
@Suite struct CrashStateTests {
  /// Writes that a lying medium may have in its cache.
  static let cachedWriteCount = 5

  /// How much is tried with each workload of `CrashWorkload.all`.
  private struct Counts {
    var operations: Int
    /// That one cut leaves.
    var states: Int
    /// In which one operation fails once.
    var failures: Int
    /// That a cut leaves where the medium lies.
    var lies: Int
  }
  private static let counts = [
    "one": Counts(operations: 17, states: 25, failures: 80, lies: 8),
    "two": Counts(operations: 28, states: 52, failures: 134, lies: 136),
    "three, of two blocks, into a second segment": Counts(
      operations: 33, states: 572, failures: 166, lies: 240),
    "four, with tiles": Counts(operations: 40, states: 95, failures: 208, lies: 260),
    "five, with a restart": Counts(operations: 72, states: 135, failures: 322, lies: 384),
    "six": Counts(operations: 48, states: 670, failures: 250, lies: 496),
    "six, into a segment taken anew": Counts(operations: 76, states: 574, failures: 353, lies: 288),
    "six, given up twice, with restarts": Counts(
      operations: 152, states: 216, failures: 608, lies: 504),
    "five, two segments given up at once": Counts(
      operations: 86, states: 328, failures: 385, lies: 272),
  ]

  @Test(arguments: CrashWorkload.all + CrashWorkload.givingUp)
  func `power is cut in every operation, with every subset of its sectors`(
    workload: CrashWorkload
  ) throws {
    let run = CrashMedium()
    try workload.run(on: run)
    var check = CrashCheck(run.operations)
    var stateCount = 0
    let operations = try workload.operationsToCut(run)
    for operation in operations {
      operation.forEachCut { image in
        stateCount += 1
        check.expectNothingLost(image, operation.promise, workload.name)
      }
    }
    check.expectNothingLost(run.image, run.promise, workload.name)
    let counts = try #require(Self.counts[workload.name])
    #expect(run.operations.count >= counts.operations)
    #expect(stateCount >= counts.states)
    #expect(check.decisions[.emptyDirectory] == (operations.startIndex == 0 ? 1 : nil))
    #expect(check.decisions[.oneSuperblock] ?? 0 >= 3 && check.decisions[.clean] ?? 0 >= 7)
  }

  @Test func `every sequence of up to three steps, cut in every operation of its last one`() throws
  {
    var counts: [Int] = []
    for length in 1...3 {
      var stateCount = 0
      for workload in CrashWorkload.sequences(length) {
        // What comes before the last step was cut in a shorter sequence.
        let begun = CrashMedium()
        try CrashWorkload("", workload.steps.dropLast()).run(on: begun)
        let run = CrashMedium()
        try workload.run(on: run)
        var check = CrashCheck(run.operations)
        for operation in run.operations.dropFirst(begun.operations.count) {
          operation.forEachCut { image in
            stateCount += 1
            check.expectNothingLost(image, operation.promise, workload.name)
          }
        }
      }
      counts.append(stateCount)
    }
    #expect(counts[0] >= 43 && counts[1] >= 131 && counts[2] >= 499)
  }

  @Test func `power is cut again in every operation of every recovery`() throws {
    var recoveryCount = 0
    var stateCount = 0
    for workload in CrashWorkload.all[0...3] + CrashWorkload.givingUp[...0] {
      let run = CrashMedium()
      try workload.run(on: run)
      for operation in try workload.operationsToCut(run) {
        // The states of a torn frame of two blocks are cut once, above.
        guard operation.before.changedSectors(operation.change).count <= 8 else { continue }
        operation.forEachCut { image in
          let recovery = CrashMedium(image, promise: operation.promise)
          guard (try? Fixture(CrashStorage(medium: recovery)).recoverKept()) != nil else {
            return
          }
          recoveryCount += 1
          var check = CrashCheck(run.operations)
          check.learn(recovery.operations)
          for second in recovery.operations {
            second.forEachCut { image in
              stateCount += 1
              check.expectNothingLost(image, second.promise, "recovery of \(workload.name)")
            }
          }
        }
      }
    }
    #expect(recoveryCount >= 294 && stateCount >= 4_307)
  }

  @Test(arguments: CrashWorkload.all + CrashWorkload.givingUp)
  func `a medium that lies loses any of its newest writes, and recovery says what is there`(
    workload: CrashWorkload
  ) throws {
    let run = CrashMedium()
    try workload.run(on: run)
    var check = CrashCheck(run.operations)
    let operations = try workload.operationsToCut(run)
    for (last, operation) in run.operations.enumerated().dropFirst(operations.startIndex) {
      guard case .write(let name, let offset, let bytes) = operation.change else { continue }
      let cached = run.operations[..<last].indices.filter {
        if case .write = run.operations[$0].change { true } else { false }
      }.suffix(Self.cachedWriteCount - 1)
      let first = cached.first ?? last
      for lost in 0..<(1 << cached.count) {
        let isLost = Set(cached.enumerated().filter { lost >> $0.offset & 1 == 1 }.map(\.element))
        var image = run.operations[first].before
        for at in first..<last where !isLost.contains(at) {
          image.apply(run.operations[at].change)
        }
        for end in image.changedSectors(operation.change).map({ $0 + 512 }) {
          check.expectHonesty(
            image.applying(.write(name, offset: offset, Array(bytes[..<end]))),
            operation.promise, workload.name)
        }
      }
    }
    #expect(check.count >= (try #require(Self.counts[workload.name]).lies))
    #expect(check.decisions[.clean] ?? 0 > 0 && check.decisions[.damagedMiddle] ?? 0 > 0)
    if workload.name != "one" {
      #expect(check.decisions[.signedEntriesMissing] ?? 0 > 0)
      #expect(check.decisions[.tornTail] ?? 0 > 0)
    }
  }

  @Test(arguments: CrashWorkload.all + CrashWorkload.givingUp)
  func `every operation fails once, with every error, done or not`(workload: CrashWorkload) throws {
    let whole = CrashMedium()
    try workload.run(on: whole)
    var last = CrashMedium()
    var runCount = 0
    for (number, operation) in whole.operations.enumerated() {
      for failure in operation.failures(number + 1) {
        runCount += 1
        let run = CrashMedium()
        run.failure = failure
        let place = "\(workload.name), \(failure)"
        do throws(JournalError) { try workload.run(on: run) } catch {
          // Only a start has nothing to fall back on; the next one succeeds.
          #expect(run.isStarting, "\(place): \(error)")
        }
        if run.image == last.image, run.promise == last.promise, run.unsynced == nil { continue }
        last = run
        var check = CrashCheck(run.operations)
        run.forEachEnd { check.expectNothingLost($0, run.promise, place) }
      }
    }
    #expect(runCount >= (try #require(Self.counts[workload.name]).failures))
  }

  @Test func `every operation of every recovery from a cut fails once`() throws {
    var runCount = 0
    for workload in CrashWorkload.all[0...1] + CrashWorkload.givingUp[...0] {
      let run = CrashMedium()
      try workload.run(on: run)
      // Of a log that gives its front up: its segment gets its new name, which becomes durable, and its header.
      let renaming = run.operations.firstIndex { $0.kind == .rename }
      for operation in run.operations[(renaming ?? 0)...].prefix(renaming == nil ? .max : 3) {
        operation.forEachCut { image in
          guard image != operation.before else { return }
          let goingOn = CrashWorkload("", [.commit([54]), .sign])
          let whole = CrashMedium(image, promise: operation.promise)
          guard (try? goingOn.run(on: whole)) != nil else {
            Issue.record("\(workload.name): does not go on")
            return
          }
          for (number, first) in whole.operations.enumerated() {
            for failure in first.failures(number + 1) where failure.error == .io {
              runCount += 1
              let second = CrashMedium(image, promise: operation.promise)
              second.failure = failure
              let isThrough = (try? goingOn.run(on: second)) != nil
              #expect(isThrough || second.isStarting)
              var check = CrashCheck(run.operations)
              check.learn(second.operations)
              second.forEachEnd {
                check.expectNothingLost($0, second.promise, "\(workload.name), \(failure)")
              }
            }
          }
        }
      }
    }
    #expect(runCount >= 868)
  }
}

extension CrashMedium.Operation {
  /// How it may fail, as operation so and so: with each error that it may give (`FileBlockStorage`), before it is
  /// done, and after it if that makes a difference.
  fileprivate func failures(_ number: Int) -> [CrashMedium.Failure] {
    let errors: [StorageError] =
      switch kind {
      case .size, .segmentRange, .remove, .syncDirectory: [.io, .denied]
      case .read: [.notFound, .io, .short, .denied]
      case .create, .write, .publish, .rename: [.notFound, .full, .io, .denied]
      }
    let isDone = if case .nothing = change { [false] } else { [false, true] }
    let failures = isDone.flatMap { isDone in
      errors.map { CrashMedium.Failure(operation: number, error: $0, isDone: isDone) }
    }
    return isReadBack
      ? failures + [CrashMedium.Failure(operation: number, error: nil, isDone: true)] : failures
  }

  /// What it writes is compared with what the medium has then.
  private var isReadBack: Bool {
    switch change {
    case .nothing, .rename: false
    case .write: true
    case .whole(let name, _): name.hasPrefix("super.")
    }
  }
}
