import ArgumentParser
import Glibc
import HostHAL

/// How the programs that have commands begin and end. `tallyd` has none and stays without this module.
///
/// The exit codes of all of Tallystick: 0 good, 1 a finding, 2 usage or I/O. ArgumentParser's own 64 for
/// wrong usage is a 2 here; a command says 1 or 2 by throwing `ExitCode`.
public enum CommandLineFrame {
  /// Parses the arguments, runs the command and ends the process.
  public static func run<Root: ParsableCommand>(_ root: Root.Type) -> Never {
    do {
      var command = try root.parseAsRoot()
      try command.run()
    } catch {
      end(root, error)
    }
    exit(0)
  }

  /// The same for programs whose commands may wait.
  public static func run<Root: AsyncParsableCommand>(_ root: Root.Type) async -> Never {
    do {
      var command = try root.parseAsRoot()
      if var waiting = command as? any AsyncParsableCommand {
        try await waiting.run()
      } else {
        try command.run()
      }
    } catch {
      end(root, error)
    }
    exit(0)
  }

  /// Says what was thrown, if it has words, and ends: help on standard output, the rest on the other.
  private static func end<Root: ParsableCommand>(_ root: Root.Type, _ error: any Error) -> Never {
    let code = exitCode(root.exitCode(for: error).rawValue)
    let message = root.fullMessage(for: error)
    if code == 0 {
      writeStandardOutput(message + "\n")
    } else if !message.isEmpty {
      writeStandardError(message + "\n")
    }
    exit(code)
  }

  /// What stands for ArgumentParser's code here.
  static func exitCode(_ code: Int32) -> Int32 { code == 0 || code == 1 ? code : 2 }
}
