import ArgumentParser
import Catalog
import HostHAL

/// `tally-sim demo`: all of Tallystick on one machine.
struct DemoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract:
      "Runs substation, gateway and collector together and shows them. 同时运行仿真变电站、网关与采集端。")

  @Option(help: "Where keys, logs and data of the run are kept.") var directory = ".build/run"
  @Option(name: .customLong("for"), help: "End so many seconds after everything is ready.")
  var seconds: UInt64?
  @Flag(help: "Discard the data of earlier runs first.") var fresh = false
  @Option(help: "Plant time runs so many times as fast.") var speed: UInt64 = 1
  @Option(help: "Port of the collector; the next free one if it is busy.") var port: UInt16 = 8470
  @Option(help: "Directory with profiles, boards and plant.") var share: String?
  @Option(help: "Language: en or zh.") var lang: String?

  func run() throws {
    let language = Language(option: lang, environment: ProcessEnvironment.value(of: "LANG"))
    var tried: [String] = []
    guard let share = Share.locate(option: share, tried: &tried) else {
      writeStandardError("tally-sim demo: \(tried.joined(separator: ", "))\n")
      throw ExitCode(2)
    }
    var code: Int32
    do throws(DemoFailure) {
      var demo = try Demo(
        Demo.Options(
          directory: directory, share: share.path, seconds: seconds, fresh: fresh, speed: speed,
          language: language, port: min(port, 65_500)))
      code = demo.run()
    } catch {
      writeStandardError(
        "tally-sim demo: \(language == .chinese ? error.chinese : error.english)\n")
      code = error.code
    }
    throw ExitCode(code)
  }
}
