import FuzzKit
import Testing

/// What libFuzzer has found, and a little more each time. A property that does not hold ends the process:
/// the last lines then say which, and for which input. The long search is `scripts/fuzz`.
@Suite(.serialized) struct FuzzTests {
  @Test(arguments: FuzzTarget.all)
  func `every kept input keeps every property`(target: FuzzTarget) {
    let cases = FuzzCases(target.name)
    #expect(cases.seedCount > 0, "Tests/Fuzz/Seeds/\(target.name) has seeds")
    cases.replay(target.fuzz)
  }

  @Test(arguments: FuzzTarget.all)
  func `mutants of them do too`(target: FuzzTarget) {
    FuzzCases(target.name).mutate(target.mutantCount, seed: 1, limit: 4_096, target.fuzz)
  }
}
