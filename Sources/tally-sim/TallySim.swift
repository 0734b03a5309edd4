import ArgumentParser
import CommandLineFrame

/// `tally-sim`: what developers and trainers need in place of a plant.
@main struct TallySim: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tally-sim",
    abstract: "Simulates what a gateway is connected to. 模拟网关所接的现场设备。",
    subcommands: [SiteCommand.self, RunCommand.self, DemoCommand.self])

  static func main() { CommandLineFrame.run(TallySim.self) }
}
