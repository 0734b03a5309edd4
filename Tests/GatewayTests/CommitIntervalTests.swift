import HAL
import MemoryStorage
import Sampling
import Testing

@testable import Gateway

/// The commit interval of a site that is changed while the agent runs.
@Suite struct CommitIntervalTests {
  @Test func `the commit interval goes with the site`() throws {
    let two = Station.site("two", [.init(unit: 1), .init(unit: 2)])
    let station = Station(two)
    station.run(10_300_000)
    var slower = two
    slower.names.medium = MediumPlan(
      commitMilliseconds: 7_000, bytesPerDay: 2, growthPerDay: 1, budget: nil, years: 3)
    #expect(station.acquisition.report.commitInterval == nil)
    _ = try Rig.required(station.reload(slower))
    #expect(station.acquisition.report.commitInterval == 7_000_000)
  }

  @Test func `the commit interval of a changed site holds from then on`() throws {
    let queue = EntryQueue()
    let report = RecorderReport()
    var recorder = try Rig.recorder(try Rig.log(on: MemoryDisk()), queue: queue, report: report)
    #expect(Rig.push(Rig.entry(0), to: queue))
    try recorder.step(at: Rig.instant(10_000_000))
    #expect(report.committedSize == 1)
    report.commitInterval = 20_000_000
    #expect(Rig.push(Rig.entry(1), to: queue))
    try recorder.step(at: Rig.instant(29_999_999))
    #expect(report.committedSize == 1)
    try recorder.step(at: Rig.instant(30_000_000))
    #expect(report.committedSize == 2)
  }
}
