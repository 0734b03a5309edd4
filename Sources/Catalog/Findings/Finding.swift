/// The language of a text for people.
public enum Language: Sendable, Equatable, CaseIterable {
  /// English.
  case english
  /// Chinese, simplified.
  case chinese

  /// The name that `--lang` takes (ISO 639-1).
  public var name: String {
    switch self {
    case .english: "en"
    case .chinese: "zh"
    }
  }

  /// The language of this name; `nil` for any other text.
  public init?(name: String) {
    guard let found = Language.allCases.first(where: { $0.name == name }) else { return nil }
    self = found
  }

  /// Chooses by the value of `LANG`, such as `zh_CN.UTF-8`; English unless it begins with `zh`.
  public init(environment: String?) {
    self = environment?.hasPrefix("zh") == true ? .chinese : .english
  }
}

/// One thing in a configuration that is wrong or doubtful, and what to do about it.
public struct Finding: Sendable, Equatable {
  /// The file as the reader named it.
  public var file: String
  /// Where in the file.
  public var place: YAMLPlace
  /// What it is.
  public var kind: FindingKind

  /// A finding.
  public init(file: String, place: YAMLPlace, kind: FindingKind) {
    self.file = file
    self.place = place
    self.kind = kind
  }

  /// The line, from 1.
  public var line: Int { place.line }
  /// The column, from 1.
  public var column: Int { place.column }

  /// The configuration is usable in spite of it.
  public var isWarning: Bool { kind.isWarning }

  /// The finding as one paragraph: place, what was found, what was expected, what to do.
  public func text(_ language: Language) -> String {
    let wording = kind.wording(language)
    let severity =
      switch (language, isWarning) {
      case (.english, false): "error"
      case (.english, true): "warning"
      case (.chinese, false): "错误"
      case (.chinese, true): "警告"
      }
    let place = "\(file):\(self.place.line):\(self.place.column)"
    let head = "\(place): \(severity)\(language == .english ? ": " : "：")\(wording.found)"
    return switch language {
    case .english: "\(head)\n    expected: \(wording.expected)\n    to do:    \(wording.advice)"
    case .chinese: "\(head)\n    应为：\(wording.expected)\n    处理：\(wording.advice)"
    }
  }
}

/// The three parts of a finding's text.
public struct Wording: Sendable, Equatable {
  /// What was found.
  public var found: String
  /// What was expected instead.
  public var expected: String
  /// What to do.
  public var advice: String

  init(_ found: String, _ expected: String, _ advice: String) {
    self.found = found
    self.expected = expected
    self.advice = advice
  }
}

/// What can be told in both languages.
protocol Worded {
  /// The finding in English.
  var english: Wording { get }
  /// The finding in Chinese.
  var chinese: Wording { get }
}

extension Worded {
  /// The finding in words.
  func wording(_ language: Language) -> Wording {
    switch language {
    case .english: english
    case .chinese: chinese
    }
  }
}

/// Everything that can be wrong in a configuration, by the layer that finds it.
public enum FindingKind: Sendable, Equatable, Worded {
  /// Files that are missing or unreadable.
  case file(FileFault)
  /// Text that is no acceptable YAML.
  case yaml(YAMLFault)
  /// A key or a value that is not what its place wants.
  case value(ValueFault)
  /// A site whose parts do not fit together.
  case site(SiteFault)
  /// A device that cannot be addressed or read as the site says.
  case device(DeviceFault)
  /// A line that cannot carry what is asked of it.
  case line(LineFault)
  /// A profile that contradicts itself.
  case profile(ProfileFault)
  /// A good site that the agent does not take up.
  case agent(AgentFault)
  /// A map of the simulated plant that does not fit its site.
  case plant(PlantFault)

  /// The configuration is usable in spite of it.
  public var isWarning: Bool {
    switch self {
    case .line(let fault): fault.isWarning
    case .device(let fault): fault.isWarning
    case .site(let fault): fault.isWarning
    case .file, .yaml, .value, .profile, .agent, .plant: false
    }
  }

  /// The finding in English.
  public var english: Wording {
    switch self {
    case .file(let fault): fault.english
    case .yaml(let fault): fault.english
    case .value(let fault): fault.english
    case .site(let fault): fault.english
    case .device(let fault): fault.english
    case .line(let fault): fault.english
    case .profile(let fault): fault.english
    case .agent(let fault): fault.english
    case .plant(let fault): fault.english
    }
  }

  /// The finding in Chinese.
  public var chinese: Wording {
    switch self {
    case .file(let fault): fault.chinese
    case .yaml(let fault): fault.chinese
    case .value(let fault): fault.chinese
    case .site(let fault): fault.chinese
    case .device(let fault): fault.chinese
    case .line(let fault): fault.chinese
    case .profile(let fault): fault.chinese
    case .agent(let fault): fault.chinese
    case .plant(let fault): fault.chinese
    }
  }
}
