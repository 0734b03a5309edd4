import ArgumentParser
import CommandLineFrame

/// The field tool. Each command stands in a file of its own.
@main
struct Tally: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tally",
    abstract: "The technician's and auditor's tool of Tallystick. 现场调试与核查工具。",
    subcommands: [
      CheckCommand.self,
      Keys.self,
      ReadCommand.self,
      Reload.self,
      Status.self,
      VerifyCommand.self,
    ])

  static func main() { CommandLineFrame.run(Tally.self) }
}
