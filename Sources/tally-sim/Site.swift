import ArgumentParser
import Catalog
import CommandLineFrame
import HAL
import HostHAL
import Simulator

/// `tally-sim site`: the simulated substation on pseudo-terminals, for any gateway and any client.
struct SiteCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "site",
    abstract: "Runs a simulated substation, one pseudo-terminal per line. 运行仿真变电站，每条线路一个伪终端。")

  @Option(help: "The board's folder, with plant.yaml in it. 板卡目录，内有 plant.yaml。") var board: String
  @Option(help: "The site's file. 站点文件。") var site: String
  @Option(
    help: """
      Directory for the lines' links; also keeps plant-start. \
      存放线路链接的目录，也保存 plant-start。
      """)
  var dev: String
  @Option(
    help: """
      Directory with profiles, boards and plant. \
      含 profiles、boards 和 plant 的目录。
      """)
  var share: String?
  @Option(
    help: """
      Plant seconds in each second, 1 to 100000; line timing stays. \
      每秒对应的电站时间秒数，1 至 100000；线路时序不变。
      """)
  var speed: UInt64 = 1
  @Option(help: "Seed of the noise. 噪声的随机种子。") var seed: UInt64 = 1
  @Option(
    help: """
      Where to begin in the data at first: 2014-01-03 or 2014-01-03T05. \
      首次从数据的何时开始：2014-01-03 或 2014-01-03T05。
      """)
  var start = "2014-01-01"
  @Option(
    help: """
      Pull a line out and put it back: PORT@SECOND+SECONDS. May be repeated. \
      拔下线路再插回：端口@第几秒+秒数，可重复。
      """)
  var unplug: [String] = []
  @OptionGroup var texts: LanguageOption

  mutating func run() throws {
    do {
      try simulate()
    } catch {
      writeStandardError(error.text(texts.language) + "\n")
      throw ExitCode(error.code)
    }
  }

  private func simulate() throws(SiteProblem) {
    guard (1...PlantClock.speedMax).contains(speed) else {
      throw .badOption(name: "speed", value: String(speed), expected: "1 … \(PlantClock.speedMax)")
    }
    guard let first = DataHour(start) else {
      throw .badOption(name: "start", value: start, expected: "2014-MM-DD[THH]")
    }
    var tried: [String] = []
    guard let share = Share.locate(option: share, tried: &tried) else { throw .noShare(tried) }
    let site: Site
    switch Site.load(path: self.site, share: share, deviceDirectory: dev) {
    case .success(let loaded): site = loaded
    case .failure(let findings): throw .findings(findings.list)
    }
    let map = try PlantMap.load(path: board + "/plant.yaml", site: site, seed: seed)
    let plant = try loadPlant(share.path + "/plant/" + map.data)
    try SiteProblem.file { () throws(FileError) in try Files.makeDirectory(dev) }
    let boot = try SiteProblem.file { () throws(FileError) in
      try Files.read("/proc/sys/kernel/random/boot_id", limit: 64)
    }
    let clock = try PlantClock.load(
      directory: dev, start: first.hours * Plant.hour, speed: speed,
      boot: String(decoding: boot.prefix { $0 > 0x20 }, as: UTF8.self), now: HostClock().now())
    let lines = try liveLines(site, map)
    let wake = try SiteProblem.file { () throws(FileError) in try WakeHandle() }
    Signals.watch(waking: wake)
    let simulation = SiteSimulation(lines: lines, plant: plant, clock: clock)
    try SiteProblem.file { () throws(FileError) in
      try simulation.run(wake: wake) { announce(lines) }
    }
  }

  private func loadPlant(_ path: String) throws(SiteProblem) -> Plant {
    let bytes = try SiteProblem.file { () throws(FileError) in try Files.read(path) }
    do {
      return Plant(hours: try PlantTable.hours(String(decoding: bytes, as: UTF8.self)), seed: seed)
    } catch {
      throw .badData(path, error)
    }
  }

  private func liveLines(_ site: Site, _ map: PlantMap) throws(SiteProblem) -> [LiveLine] {
    var unpluggings: [Unplugging] = []
    for text in unplug {
      guard let unplugging = Unplugging(text) else {
        throw .badOption(name: "unplug", value: text, expected: "PORT@SECOND+SECONDS")
      }
      unpluggings.append(unplugging)
    }
    var lines: [LiveLine] = []
    for line in site.lines {
      guard case .device(let name) = line.identity, !name.hasPrefix("/") else {
        throw .noDeviceName(line.name)
      }
      lines.append(
        LiveLine(
          name: name, directory: dev,
          line: SimulatedLine(
            configuration: line.uart,
            meters: line.devices.compactMap {
              map.models[$0.number].map { EmulatedMeter(model: $0) }
            }),
          unpluggings: unpluggings.filter { $0.port == name }))
    }
    let names = lines.map(\.name)
    for unplugging in unpluggings where !names.contains(unplugging.port) {
      throw .badOption(
        name: "unplug", value: unplugging.port, expected: names.joined(separator: ", "))
    }
    return lines
  }

  /// One line per port, then `ready`: whoever waits for that word finds every port open.
  private func announce(_ lines: [LiveLine]) {
    var text = ""
    for line in lines {
      text += "port \(line.name) \(line.link) \(line.linePath ?? "-") "
      text += "\(line.line.configuration.shortText) "
      text += "meters \(line.line.meters.count)\n"
    }
    writeStandardOutput(text + "ready\n")
  }
}
