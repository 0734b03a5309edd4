import FuzzKit
import FuzzRoutes
import Testing

/// As `FuzzTests`, for the collector's routes.
@Suite(.serialized) struct FuzzRoutesTests {
  @Test func `every kept sequence of requests is answered as specified`() {
    let cases = FuzzCases("routes")
    #expect(cases.seedCount > 0)
    cases.replay { bytes in
      // Each begins anew, so that a failure follows from one file.
      resetRoutes()
      fuzzRoutes(bytes)
    }
  }

  @Test func `mutants of them are too`() {
    resetRoutes()
    FuzzCases("routes").mutate(60, seed: 1, limit: 2_048) { fuzzRoutes($0) }
  }
}
