import AgentClient
import ArgumentParser
import Catalog
import CommandLineFrame
import HostHAL

/// `tally reload`: the agent on this machine reads its site anew.
struct Reload: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make the running agent read its site file anew. 让运行中的网关重新加载站点。",
    discussion: """
      The agent checks the whole site first and changes nothing unless all of it is good; what goes on is \
      polled without a break. The same as kill -HUP, with an answer.
      Ends with 0 when the site was reloaded, or says what it said before; with 1 when something is wrong \
      with it and the old one stays in force; and with 2 when no agent answers.

      网关先检查整个站点，全部无误才生效，继续使用的线路不中断。退出码：0 已加载或没有变化，1 站点有误、旧站点继续有效，2 网关无应答。
      """)

  @Option(help: "The agent's data directory. 数据目录。") var data = "/var/lib/tallystick"
  @OptionGroup var texts: LanguageOption

  func run() throws {
    let language = texts.language
    let outcome: ReloadOutcome
    do throws(AgentError) {
      outcome = try Agent(dataDirectory: data).reload()
    } catch {
      writeStandardError("tally: \(language == .chinese ? error.chinese : error.english)\n")
      throw ExitCode(2)
    }
    let words = language == .chinese ? outcome.chinese : outcome.english
    guard outcome.isRefused else { return writeStandardOutput(words + "\n") }
    writeStandardError(words + "\n")
    throw ExitCode(1)
  }
}
