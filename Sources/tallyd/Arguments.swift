import Catalog
import HostHAL

/// What was asked on the command line. No argument library: the agent stays small.
struct Arguments {
  var site: String
  var data: String
  var share: String?

  /// Reads the flags.
  static func parse(_ arguments: [String]) throws(UsageError) -> Arguments {
    var values: [String: String] = [:]
    var at = 1
    while at < arguments.count {
      let parts = arguments[at].split(
        separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let flag = String(parts[0])
      if flag == "--help" || flag == "-h" { throw UsageError(text: nil) }
      guard ["--site", "--data", "--share"].contains(flag) else {
        throw UsageError(text: .unknownFlag(flag))
      }
      if parts.count == 1 { at += 1 }
      guard at < arguments.count else { throw UsageError(text: .missingValue(flag: flag)) }
      values[flag] = parts.count == 1 ? arguments[at] : String(parts[1])
      at += 1
    }
    guard let site = values["--site"] else { throw UsageError(text: .missingFlag("--site")) }
    guard let data = values["--data"] else { throw UsageError(text: .missingFlag("--data")) }
    return Arguments(site: site, data: data, share: values["--share"])
  }
}

/// The command line is wrong, or asks for help.
struct UsageError: Error {
  /// What is wrong; `nil` when help was asked for.
  var text: Text?
}
