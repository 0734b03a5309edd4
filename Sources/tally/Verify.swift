import ArgumentParser

/// Checks a log from first to last byte.
struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Verify a log: signature, completeness, policy.")
}
