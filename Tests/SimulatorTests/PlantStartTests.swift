import HAL
import Metering
import Testing

@testable import Simulator

@Suite struct PlantStartTests {
  private let start = PlantStart(boot: "b", mono: 1_000, utc: 50_000, plant: 7, speed: 60)

  private func at(mono: UInt64, utc: UInt64) -> Instant {
    Instant(mono: mono, utc: utc, quality: .unknown)
  }

  @Test func `the text is the documented one and reads back`() {
    let text = """
      tallystick-plant-start 1
      boot 0e6a5c1e-6f1c-4c0b-9b6b-0d4b7d0f2a11
      mono 81923000123
      utc 1795532400000000
      plant 3600000000
      speed 60

      """
    let start = PlantStart(text)
    #expect(start?.plant == 3_600_000_000 && start?.speed == 60 && start?.mono == 81_923_000_123)
    #expect(start?.text == text)
  }

  @Test func `a cut or altered text is refused`() {
    let text = start.text
    for count in 0..<(text.utf8.count - 2) {
      #expect(PlantStart(String(text.prefix(count))) == nil)
    }
    #expect(PlantStart(text.replacing("speed 60", with: "speed 0")) == nil)
    #expect(PlantStart(text.replacing("plant 7", with: "plant 9000000000000000000")) == nil)
    #expect(PlantStart(text.replacing("-start 1", with: "-start 2")) == nil)
  }

  @Test func `in one boot the steady clock counts, whatever UTC does`() {
    #expect(start.plantTime(boot: "b", at: at(mono: 1_010, utc: 0)) == 607)
    #expect(start.plantTime(boot: "b", at: at(mono: 0, utc: 90_000)) == 7)
  }

  @Test func `after a reboot UTC counts, and never backwards`() {
    #expect(start.plantTime(boot: "c", at: at(mono: 0, utc: 50_010)) == 607)
    #expect(start.plantTime(boot: "c", at: at(mono: 0, utc: 40_000)) == 7)
    #expect(start.plantTime(boot: "c", at: at(mono: 0, utc: .max)) == PlantStart.plantMax)
  }

  @Test func `a day of the data is a number of hours`() throws {
    let first = try #require(DataHour("2014-01-01"))
    let later = try #require(DataHour("2014-03-01T05"))
    #expect(first.hours == 0 && later.hours == 59 * 24 + 5)
    for text in ["2013-01-01", "2014-02-29", "2014-13-01", "2014-01-01T24", "2014-01", "", "T"] {
      #expect(DataHour(text) == nil)
    }
  }

  @Test func `an unplugging names port, second and length`() {
    let unplugging = Unplugging("line-b@30+5")
    #expect(unplugging?.port == "line-b")
    #expect(unplugging?.begin == 30_000_000 && unplugging?.end == 35_000_000)
    for text in ["line-b", "@30+5", "line-b@+5", "line-b@30", "line-b@30+0", "line-b@x+5"] {
      #expect(Unplugging(text) == nil)
    }
  }
}
