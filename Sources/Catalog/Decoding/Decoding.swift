import Metering

/// Reads keys of a mapping and collects what is wrong with them.
///
/// Every reader returns `nil` after it noted a finding, so that decoding goes on with the next key and
/// one run shows everything.
package struct Decoding {
  /// The name that findings carry.
  let file: String
  /// What was found wrong so far.
  var findings: [Finding]

  /// Begins a file, with what its reader found.
  package init(file: String, findings: [Finding] = []) {
    self.file = file
    self.findings = findings
  }

  mutating func note(_ kind: FindingKind, at place: YAMLPlace) {
    findings.append(Finding(file: file, place: place, kind: kind))
  }
  package mutating func note(_ fault: ValueFault, at place: YAMLPlace) {
    note(.value(fault), at: place)
  }
  mutating func note(_ fault: SiteFault, at place: YAMLPlace) { note(.site(fault), at: place) }
  mutating func note(_ fault: DeviceFault, at place: YAMLPlace) { note(.device(fault), at: place) }
  mutating func note(_ fault: LineFault, at place: YAMLPlace) { note(.line(fault), at: place) }
  mutating func note(_ fault: ProfileFault, at place: YAMLPlace) {
    note(.profile(fault), at: place)
  }
  package mutating func note(_ fault: PlantFault, at place: YAMLPlace) {
    note(.plant(fault), at: place)
  }

  /// The findings in the order of the file's lines.
  package var sorted: [Finding] {
    findings.enumerated().sorted {
      ($0.element.place, $0.offset) < ($1.element.place, $1.offset)
    }.map(\.element)
  }

  /// Nothing but warnings so far.
  package var isUsable: Bool { findings.allSatisfy(\.isWarning) }

  /// Takes a node as a mapping with no other keys than `known`.
  package mutating func fields(
    _ node: YAMLNode, key: String, section: Section, known: [String]
  ) -> Fields? {
    guard case .mapping(let entries) = node.content else {
      note(.wrongShape(key: key, found: node.shape, expected: .mapping), at: node.place)
      return nil
    }
    var misspelt: Set<String> = []
    for entry in entries where !known.contains(entry.key) {
      // `zh： 车间` within braces is a key without a value for YAML.
      if let slip = FullWidth.first(in: entry.key) {
        note(.yaml(.fullWidth(slip.found, plain: slip.plain)), at: entry.place.after(slip.offset))
        misspelt.insert(String(entry.key.prefix(slip.offset)))
        continue
      }
      let nearest = nearestWords(to: entry.key, in: known, count: 1).first
      note(.unknownKey(entry.key, known: known, nearest: nearest), at: entry.place)
      if let nearest { misspelt.insert(nearest) }
    }
    return Fields(node: node, section: section, misspelt: misspelt)
  }

  /// The value of a key that must be there.
  package mutating func required(_ key: String, _ fields: Fields) -> YAMLNode? {
    if let node = fields.node[key], !node.isEmpty { return node }
    // A misspelt key was told already: that it is missing under its right name is the same mistake.
    if !fields.misspelt.contains(key) {
      note(.missingKey(key, in: fields.section), at: fields.place(of: key))
    }
    return nil
  }

  /// What stands in a single value's place, as it is written.
  package mutating func scalar(_ node: YAMLNode, key: String) -> String? {
    if let text = node.text { return text }
    note(.wrongShape(key: key, found: node.shape, expected: .text), at: node.place)
    return nil
  }

  /// A scalar's text.
  mutating func text(_ node: YAMLNode, key: String, rule: TextRule = .line(limit: 200)) -> String? {
    guard let text = scalar(node, key: key) else { return nil }
    guard rule.allows(text) else {
      note(.badText(key: key, found: excerpt(text), rule: rule), at: node.place)
      return nil
    }
    return text
  }

  /// A required text.
  package mutating func text(
    _ key: String, _ fields: Fields, rule: TextRule = .line(limit: 200)
  ) -> String? {
    guard let node = required(key, fields) else { return nil }
    return text(node, key: key, rule: rule)
  }

  /// A text that may be missing.
  mutating func optionalText(
    _ key: String, _ fields: Fields, rule: TextRule = .line(limit: 200)
  ) -> String? {
    guard let node = fields.node[key], !node.isEmpty else { return nil }
    return text(node, key: key, rule: rule)
  }

  /// A whole number; decimal or 0x, with underscores nowhere.
  mutating func integer(
    _ node: YAMLNode, key: String, in range: ClosedRange<Int64>, unit: CountedUnit? = nil
  ) -> Int64? {
    guard let text = scalar(node, key: key) else { return nil }
    guard let number = wholeNumber(text) else {
      note(.notANumber(key: key, found: excerpt(text), unit: unit), at: node.place)
      return nil
    }
    guard range.contains(number) else {
      note(
        .outOfRange(
          key: key, found: excerpt(text), lower: range.lowerBound, upper: range.upperBound,
          unit: unit), at: node.place)
      return nil
    }
    return number
  }

  /// The version of the file's language, which stands first in every file.
  package mutating func version(_ key: String, _ fields: Fields) {
    guard let node = required(key, fields), let text = text(node, key: key) else { return }
    if text != "1" {
      note(.languageVersion(key: key, found: excerpt(text), known: 1), at: node.place)
    }
  }

  /// A required whole number.
  mutating func integer(
    _ key: String, _ fields: Fields, in range: ClosedRange<Int64>, unit: CountedUnit? = nil
  ) -> Int? {
    guard let node = required(key, fields) else { return nil }
    return integer(node, key: key, in: range, unit: unit).map { Int($0) }
  }

  /// A whole number with a default.
  package mutating func integer(
    _ key: String, _ fields: Fields, in range: ClosedRange<Int64>, unit: CountedUnit? = nil,
    default fallback: Int
  ) -> Int {
    optionalInteger(key, fields, in: range, unit: unit) ?? fallback
  }

  /// A whole number that may be missing.
  mutating func optionalInteger(
    _ key: String, _ fields: Fields, in range: ClosedRange<Int64>, unit: CountedUnit? = nil
  ) -> Int? {
    guard let node = fields.node[key], !node.isEmpty else { return nil }
    return integer(node, key: key, in: range, unit: unit).map { Int($0) }
  }

  /// One of a few words; `guesses` unless each of them is a slip of each other.
  package mutating func choice<Value>(
    _ node: YAMLNode, key: String, among choices: [(String, Value)], guesses: Bool = true
  ) -> Value? {
    guard let text = scalar(node, key: key) else { return nil }
    if let choice = choices.first(where: { $0.0 == text }) { return choice.1 }
    let words = choices.map(\.0)
    note(
      .notOneOf(
        key: key, found: excerpt(text), allowed: words,
        nearest: guesses ? nearestWords(to: text, in: words, count: 1).first : nil),
      at: node.place)
    return nil
  }

  /// `true` or `false`, with a default.
  mutating func flag(_ key: String, _ fields: Fields, default fallback: Bool) -> Bool {
    guard let node = fields.node[key], !node.isEmpty else { return fallback }
    return choice(node, key: key, among: [("true", true), ("false", false)]) ?? fallback
  }

  /// A list of at least one item and at most `limit`.
  mutating func list(_ key: String, _ fields: Fields, limit: Int) -> [YAMLNode] {
    guard let node = required(key, fields) else { return [] }
    guard case .sequence(let items) = node.content else {
      note(.wrongShape(key: key, found: node.shape, expected: .list), at: node.place)
      return []
    }
    if items.isEmpty { note(.emptyList(key), at: node.place) }
    if items.count > limit {
      note(.tooManyItems(key, count: items.count, limit: limit), at: node.place)
      return Array(items.prefix(limit))
    }
    return items
  }

  /// Entries of a mapping whose keys are names of the file's own; none when it is empty.
  package mutating func entries(_ node: YAMLNode, key: String) -> [YAMLEntry] {
    if node.isEmpty { return [] }
    guard case .mapping(let entries) = node.content else {
      note(.wrongShape(key: key, found: node.shape, expected: .mapping), at: node.place)
      return []
    }
    return entries
  }

  /// Those of a key that may be missing.
  package mutating func entries(_ key: String, _ fields: Fields) -> [YAMLEntry] {
    fields.node[key].map { entries($0, key: key) } ?? []
  }

  /// A fraction `a/b`, a whole number, or a decimal fraction such as 0.01.
  mutating func ratio(_ key: String, _ fields: Fields, default fallback: Ratio) -> Ratio {
    guard let node = fields.node[key], !node.isEmpty else { return fallback }
    guard let text = scalar(node, key: key) else { return fallback }
    guard let value = Ratio(text: text) else {
      note(.notARatio(key: key, found: excerpt(text)), at: node.place)
      return fallback
    }
    return value
  }

  /// An English and a Chinese label; one text serves for both.
  mutating func label(_ key: String, _ fields: Fields) -> Label? {
    guard let node = required(key, fields) else { return nil }
    if case .scalar = node.content { return text(node, key: key).map { Label($0, $0) } }
    guard let parts = self.fields(node, key: key, section: .label, known: ["en", "zh"]) else {
      return nil
    }
    let english = text("en", parts)
    let chinese = text("zh", parts)
    guard let english, let chinese else { return nil }
    return Label(english, chinese)
  }
}

/// A mapping that is being decoded.
package struct Fields {
  /// The mapping.
  package let node: YAMLNode
  let section: Section
  /// Known keys that an unknown one was probably meant to be.
  let misspelt: Set<String>

  /// Where a finding about `key` belongs: the key if it is there, else the mapping.
  package func place(of key: String) -> YAMLPlace {
    guard case .mapping(let entries) = node.content else { return node.place }
    return entries.first { $0.key == key }?.place ?? node.place
  }
}

/// A name in both languages.
public struct Label: Sendable, Equatable {
  /// In English.
  public var english: String
  /// In Chinese.
  public var chinese: String

  /// A name in both languages.
  public init(_ english: String, _ chinese: String) {
    self.english = english
    self.chinese = chinese
  }
}

/// A whole number in decimal, without leading zeros, or hexadecimal after `0x`.
///
/// Leading zeros are refused because half of all readers take `010` for eight.
func wholeNumber(_ text: String) -> Int64? {
  if text.hasPrefix("0x") { return hexadecimal(text.utf8.dropFirst(2)) }
  let digits = text.utf8.drop { $0 == UInt8(ascii: "-") }
  guard text.utf8.count - digits.count <= 1, let first = digits.first else { return nil }
  guard first >= 0x30, first <= 0x39, first != 0x30 || digits.count == 1 else { return nil }
  return Int64(text)
}

private func hexadecimal(_ digits: Substring.UTF8View) -> Int64? {
  guard digits.count >= 1, digits.count <= 15 else { return nil }
  var value: Int64 = 0
  for digit in digits {
    guard let nibble = hexNibble(digit) else { return nil }
    value = value << 4 | Int64(nibble)
  }
  return value
}

/// The value of a hex digit.
func hexNibble(_ byte: UInt8) -> UInt8? {
  switch byte {
  case 0x30...0x39: byte - 0x30
  case 0x41...0x46: byte - 0x41 + 10
  case 0x61...0x66: byte - 0x61 + 10
  default: nil
  }
}

/// Bytes from hex digits without separators; `nil` unless there are two digits a byte.
func hexBytes(_ text: String) -> [UInt8]? {
  let digits = Array(text.utf8)
  guard digits.count.isMultiple(of: 2) else { return nil }
  var bytes: [UInt8] = []
  var i = 0
  while i < digits.count {
    guard let high = hexNibble(digits[i]), let low = hexNibble(digits[i + 1]) else { return nil }
    bytes.append(high << 4 | low)
    i += 2
  }
  return bytes
}

/// The beginning of a text from outside, so that a finding stays readable.
package func excerpt(_ text: String) -> String {
  text.count <= 60 ? text : text.prefix(60) + "…"
}

extension TextRule {
  func allows(_ text: String) -> Bool {
    switch self {
    case .line(let limit):
      return !text.isEmpty && text.utf8.count <= limit && text.utf8.allSatisfy { $0 >= 0x20 }
    case .name:
      return !text.isEmpty && text.utf8.count <= 64
        && text.utf8.allSatisfy {
          ($0 >= 0x61 && $0 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x2D || $0 == 0x2E
        }
    case .innerPath:
      guard TextRule.line(limit: 200).allows(text), !text.hasPrefix("/") else { return false }
      return text.split(separator: "/", omittingEmptySubsequences: false).allSatisfy {
        !$0.isEmpty && $0 != ".." && $0 != "."
      }
    case .usbIdentity, .wholeBlocks:
      return true
    }
  }
}
