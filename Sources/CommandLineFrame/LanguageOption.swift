import ArgumentParser
import Catalog
import HostHAL

/// `--lang`, the same for every command: `en` or `zh`, and nothing else is taken.
public struct LanguageOption: ParsableArguments {
  @Option(
    name: .customLong("lang"), help: "Language of texts; else as LANG says. 语言，未给出时取自 LANG。")
  private var choice: Language?

  /// Nothing chosen.
  public init() {}

  /// The language that was asked for, else that of `LANG`.
  public var language: Language {
    choice ?? Language(environment: ProcessEnvironment.value(of: "LANG"))
  }
}

extension Language: ExpressibleByArgument {
  /// Takes `en` or `zh`.
  public init?(argument: String) { self.init(name: argument) }

  /// What help and errors name.
  public static var allValueStrings: [String] { allCases.map(\.name) }
}
