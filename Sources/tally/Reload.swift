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
      """)

  @Option(help: "The agent's data directory.") var data = "/var/lib/tallystick"
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
