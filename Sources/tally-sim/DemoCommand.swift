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

  @Option(
    help: """
      Where keys, logs and data of the run are kept. \
      存放密钥、日志和数据的目录。
      """)
  var directory = ".build/run"
  @Option(
    name: .customLong("for"),
    help: """
      End so many seconds after everything is ready. \
      一切就绪后经过多少秒结束。
      """)
  var seconds: UInt64?
  @Flag(help: "Discard the data of earlier runs first. 先丢弃以前运行的数据。") var fresh = false
  @Option(help: "Plant time runs so many times as fast. 电站时间加快的倍数。") var speed: UInt64 = 1
  @Option(
    help: """
      Port of the collector, or one of the twenty after it if it is busy; 0: any. \
      汇集端端口，被占用时取其后二十个之一；0 为任意。
      """)
  var port: UInt16 = 8470
  @Option(
    help: """
      Folder with site.yaml and plant.yaml of your own; boards/native/sim unless told. \
      含 site.yaml 和 plant.yaml 的自备目录，未给出时取 boards/native/sim。
      """)
  var board: String?
  @Option(
    help: """
      Directory with profiles, boards and plant. \
      含 profiles、boards 和 plant 的目录。
      """)
  var share: String?
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
