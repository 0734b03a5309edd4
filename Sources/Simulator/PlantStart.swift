import HAL

/// Where plant time began, kept in a file so that a simulator that was killed goes on.
///
/// Counters are functions of plant time, and plant time is a function of this file and the clock: so a
/// counter never goes back, whenever the simulator dies and whenever it starts again, and the plant runs
/// on while nobody simulates it. In one boot of the machine plant time follows `CLOCK_BOOTTIME`, which
/// never steps; after a reboot it follows UTC from the last anchor, and stands still if UTC went back.
///
/// The file is five lines of text, each a word, a blank and a value, in this order, and nothing else:
///
///     tallystick-plant-start 1
///     boot 0e6a5c1e-6f1c-4c0b-9b6b-0d4b7d0f2a11
///     mono 81923000123
///     utc 1795532400000000
///     plant 3600000000
///     speed 60
public struct PlantStart: Equatable, Sendable {
  /// The kernel's name of the boot in which the file was written.
  public var boot: String
  /// `CLOCK_BOOTTIME` at the anchor, µs.
  public var mono: UInt64
  /// UTC at the anchor, µs.
  public var utc: UInt64
  /// Plant time at the anchor, µs.
  public var plant: UInt64
  /// How fast plant time runs from the anchor on.
  public var speed: UInt64

  /// More plant time than any simulator can pass, in µs; a file that says more is not ours.
  public static let plantMax: UInt64 = 1 << 60

  /// The file's text.
  public var text: String {
    """
    tallystick-plant-start 1
    boot \(boot)
    mono \(mono)
    utc \(utc)
    plant \(plant)
    speed \(speed)

    """
  }

  /// An anchor; `speed` is 1…``PlantClock/speedMax``, `plant` at most ``plantMax``.
  public init(boot: String, mono: UInt64, utc: UInt64, plant: UInt64, speed: UInt64) {
    self.boot = boot
    self.mono = mono
    self.utc = utc
    self.plant = plant
    self.speed = speed
  }

  /// Reads the text; `nil` if it is not exactly of that form.
  public init?(_ text: String) {
    let lines = text.split(separator: "\n")
    let heads = ["tallystick-plant-start", "boot", "mono", "utc", "plant", "speed"]
    guard lines.count == heads.count else { return nil }
    var values: [Substring] = []
    for (line, head) in zip(lines, heads) {
      guard line.hasPrefix(head + " ") else { return nil }
      values.append(line.dropFirst(head.utf8.count + 1))
    }
    guard values[0] == "1", let mono = UInt64(values[2]), let utc = UInt64(values[3]),
      let plant = UInt64(values[4]), let speed = UInt64(values[5]),
      plant <= PlantStart.plantMax, (1...PlantClock.speedMax).contains(speed)
    else { return nil }
    self.init(boot: String(values[1]), mono: mono, utc: utc, plant: plant, speed: speed)
  }

  /// Plant time at an instant of the boot `boot`.
  public func plantTime(boot: String, at now: Instant) -> UInt64 {
    let (anchor, moment) = boot == self.boot ? (mono, now.mono) : (utc, now.utc)
    let passed = moment > anchor ? moment - anchor : 0
    let (run, overflow) = passed.multipliedReportingOverflow(by: speed)
    return overflow
      ? PlantStart.plantMax : min(plant + min(run, PlantStart.plantMax), PlantStart.plantMax)
  }
}

/// A moment of the data as people write it: `2014-01-03` or `2014-01-03T05`, an hour of plant time 0.
public struct DataHour: Equatable, Sendable {
  /// Hours from the beginning of 2014.
  public var hours: UInt64

  /// Days before each month of 2014.
  private static let days = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365]

  /// Reads a day of 2014 with an optional hour.
  public init?(_ text: String) {
    let halves = text.split(separator: "T", omittingEmptySubsequences: false)
    let fields = halves[0].split(separator: "-", omittingEmptySubsequences: false)
    guard halves.count <= 2, fields.count == 3, fields[0] == "2014",
      let month = Int(fields[1]), (1...12).contains(month), let day = Int(fields[2]), day >= 1,
      day <= DataHour.days[month] - DataHour.days[month - 1],
      let hour = halves.count == 2 ? Int(halves[1]) : 0, (0...23).contains(hour)
    else { return nil }
    hours = UInt64((DataHour.days[month - 1] + day - 1) * 24 + hour)
  }
}
