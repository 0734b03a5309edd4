import Sampling
import Testing
import TransparencyLog

@testable import Gateway

/// What a full log is told of ports, link and medium, of which each word takes a part of the reserve.
@Suite struct HeldEventTests {
  private let site = Station.site(
    "two", [.init(unit: 1), .init(unit: 2, line: "b")], baudRates: ["a": 9_600, "b": 9_600])

  /// A station whose log takes nothing but events, and has said so.
  private func fullStation() -> Station {
    let station = Station(site)
    station.run(2_000_000)
    station.acquisition.report.room = (.eventsOnly, 1_000)
    station.run(1_000_000)
    return station
  }

  /// Codes of the events that were logged from `start` on, without slots that were shed.
  private func codes(of station: Station, from start: Int) throws -> [EventEntry.Code?] {
    try ReadLog(station.log).events.filter { $0.index >= UInt64(start) && $0.code != .shed }
      .map(\.code)
  }

  /// The port of the first line goes and comes back, and so does the link.
  private func flap(_ station: Station, for duration: UInt64) {
    let end = station.mono + duration
    while station.mono < end {
      station.acquisition.lost(line: 0, at: station.now)
      station.acquisition.report.linkState = .down
      station.acquisition.report.post(.linkDown)
      station.run(5_000_000)
      station.acquisition.opened(line: 0, at: station.now)
      station.acquisition.report.linkState = .up
      station.acquisition.report.post(.linkUp)
      station.run(5_000_000)
    }
  }

  @Test func `a port and a link that flap are told once an hour`() throws {
    let station = fullStation()
    let start = station.log.count
    flap(station, for: 3 * 3_600_000_000)
    // It is lost again when the hour is over.
    let hourly: [EventEntry.Code?] = [.portLost, .linkDown, .linkUp]
    #expect(try codes(of: station, from: start) == [.portLost] + hourly + hourly)
    // Where readings are logged nothing is held back.
    station.acquisition.report.room = (.nothing, 0)
    station.run(1_000_000)
    let after = station.log.count
    flap(station, for: 60_000_000)
    #expect(try codes(of: station, from: after).count { $0 == .portLost } == 6)
  }

  @Test(arguments: [true, false])
  func `what is held back is told when there is room, and at the end`(ends: Bool) throws {
    let station = fullStation()
    flap(station, for: 60_000_000)
    station.acquisition.lost(line: 1, at: station.now)
    station.acquisition.report.linkState = .down
    station.acquisition.report.post(.linkDown)
    let start = station.log.count
    if ends { station.end() } else { station.acquisition.report.room = (.totalsOnly, 940) }
    station.run(1_000_000)
    let told = try codes(of: station, from: start).filter { $0 != .givingWay }
    #expect(told == [.portLost, .portReturned, .portLost, .linkUp, .linkDown])
    let lost = station.log[start...].compactMap { bytes -> UInt64? in
      guard case .event(let event)? = try? Entry.decode(bytes.span), event.code == .portLost
      else { return nil }
      return event.argument(0, in: bytes.span)
    }
    #expect(lost == [0, 1])
  }

  @Test func `a new site is told of the ports of the one before first`() throws {
    let station = fullStation()
    flap(station, for: 60_000_000)
    let start = station.log.count
    let next = Station.site("one", [.init(unit: 2, line: "b")], baudRates: ["b": 9_600])
    _ = try #require(station.reload(next))
    let log = try ReadLog(station.log)
    let site = try #require(log.sites.last).index
    let told = log.events.filter { $0.index >= UInt64(start) && $0.code != .shed }
    #expect(told.filter { $0.index < site }.map(\.code).prefix(2) == [.portLost, .portReturned])
  }
}
