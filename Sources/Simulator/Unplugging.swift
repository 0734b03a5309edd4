/// A line that is to be pulled out and put back: `line-b@30+5`, at second 30 for 5 s.
public struct Unplugging: Equatable, Sendable {
  /// The port's name.
  public var port: String
  /// Microseconds after readiness.
  public var begin: UInt64
  /// Microseconds after readiness.
  public var end: UInt64

  /// Reads `<port>@<second>+<seconds>`.
  public init?(_ text: String) {
    guard let at = text.lastIndex(of: "@"),
      let plus = text[at...].firstIndex(of: "+"),
      let second = UInt64(text[text.index(after: at)..<plus]), second <= 1_000_000,
      let seconds = UInt64(text[text.index(after: plus)...]), seconds >= 1, seconds <= 1_000_000,
      at > text.startIndex
    else { return nil }
    port = String(text[..<at])
    begin = second * 1_000_000
    end = (second + seconds) * 1_000_000
  }
}
