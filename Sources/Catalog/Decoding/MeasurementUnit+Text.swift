import Metering

extension MeasurementUnit {
  /// The units that measure the same, this one first.
  var convertible: [MeasurementUnit] {
    [self] + Self.allCases.filter { $0 != self && $0.ratio(to: self) != nil }
  }

  /// The text is this unit's code or symbol but for capitals, points and raised digits.
  ///
  /// Nothing more is guessed: a unit that merely looks alike is wrong by a factor.
  func isMeant(by text: String) -> Bool {
    let plain = Self.plain(text)
    return plain == Self.plain(ucum.description) || plain == Self.plain(symbol.description)
  }

  private static func plain(_ text: String) -> String {
    let letters = text.lowercased().map { $0 == "³" ? "3" : $0 == "℃" ? "°c" : String($0) }
    return letters.filter { ![".", "·", "*", " ", "[", "]"].contains($0) }.joined()
  }
}
