import AgentClient
import ArgumentParser
import Catalog
import CommandLineFrame
import HostHAL

/// `tally status`: what the agent on this machine says about itself.
struct Status: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show devices, lines, log, mirror and clock of the running agent. 显示网关运行状态。",
    discussion: """
      Ends with 0 when every device answers, every line is open and the mirror is reached, with 1 when \
      something of that is not so, and with 2 when no agent answers.

      退出码：0 设备均应答、线路均打开、镜像可达，1 其中有异常，2 网关无应答。
      """)

  @Option(help: "The agent's data directory. 数据目录。") var data = "/var/lib/tallystick"
  @Flag(help: "One line of JSON instead of text. 输出一行 JSON。") var json = false
  @OptionGroup var texts: LanguageOption

  func run() throws {
    let language = texts.language
    let status: GatewayStatus
    do throws(AgentError) {
      status = try GatewayStatus.read(fromDataDirectory: data)
    } catch {
      writeStandardError("tally: \(language == .chinese ? error.chinese : error.english)\n")
      throw ExitCode(2)
    }
    if json {
      writeStandardOutput(status.json + "\n")
    } else {
      let columns = ProcessEnvironment.terminalSize(1)?.columns ?? 80
      let screen = StatusScreen(status, language: language, columns: columns)
      for line in screen.lines { writeStandardOutput(line + "\n") }
    }
    if !status.isWell { throw ExitCode(1) }
  }
}
