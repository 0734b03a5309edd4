import ArgumentParser
import Catalog
import CommandLineFrame
import HostHAL
import Simulator

/// `tally-sim demo`: all of Tallystick on one machine.
struct DemoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract:
      "Runs substation, gateway and collector together and shows them. 同时运行仿真变电站、网关与汇集端。")

  @Option(help: "Where keys, logs and data of the run are kept.") var directory = ".build/run"
  @Option(name: .customLong("for"), help: "End so many seconds after everything is ready.")
  var seconds: UInt64?
  @Flag(help: "Discard the data of earlier runs first.") var fresh = false
  @Option(help: "Plant time runs so many times as fast.") var speed: UInt64 = 1
  @Option(help: "Port of the collector, or one of the twenty after it if it is busy; 0: any.")
  var port: UInt16 = 8470
  @Option(help: "Folder with site.yaml and plant.yaml of your own; boards/native/sim unless told.")
  var board: String?
  @Option(help: "Directory with profiles, boards and plant.") var share: String?
  @OptionGroup var texts: LanguageOption

  func run() throws {
    let language = texts.language
    var tried: [String] = []
    guard let share = Share.locate(option: share, tried: &tried) else {
      writeStandardError("tally-sim demo: \(SiteProblem.noShare(tried).text(language))\n")
      throw ExitCode(2)
    }
    var code: Int32
    do throws(DemoFailure) {
      if seconds == 0 { throw .badOption(name: "for", value: "0", expected: "1 …") }
      guard (1...PlantClock.speedMax).contains(speed) else {
        throw .badOption(
          name: "speed", value: String(speed), expected: "1 … \(PlantClock.speedMax)")
      }
      var demo = try Demo(
        Demo.Options(
          directory: directory, share: share.path, board: board, seconds: seconds, fresh: fresh,
          speed: speed,
          language: language, port: port))
      code = demo.run()
    } catch {
      writeStandardError(
        "tally-sim demo: \(language == .chinese ? error.chinese : error.english)\n")
      code = error.code
    }
    throw ExitCode(code)
  }
}
