import HAL
import HostHAL
import Simulator

extension PlantClock {
  /// The clock of this run: goes on from `DIR/plant-start`, or begins at `start` and writes it.
  static func load(
    directory: String, start: UInt64, speed: UInt64, boot: String, now: Instant
  ) throws(SiteProblem) -> PlantClock {
    let path = directory + "/plant-start"
    var plant = start
    if Files.exists(path) {
      let bytes = try SiteProblem.file { () throws(FileError) in try Files.read(path, limit: 4_096)
      }
      guard let known = PlantStart(String(decoding: bytes, as: UTF8.self)) else {
        throw .badPlantStart(path)
      }
      plant = known.plantTime(boot: boot, at: now)
      guard plant < PlantStart.plantMax else { throw .badPlantStart(path) }
      if known.boot == boot, known.speed == speed {
        return PlantClock(anchor: known.mono, plantAtAnchor: known.plant, speed: speed)
      }
    }
    let fresh = PlantStart(boot: boot, mono: now.mono, utc: now.utc, plant: plant, speed: speed)
    try SiteProblem.file { () throws(FileError) in
      try Files.replace(path, with: Array(fresh.text.utf8))
    }
    return PlantClock(anchor: now.mono, plantAtAnchor: plant, speed: speed)
  }
}
