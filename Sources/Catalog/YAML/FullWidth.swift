/// Punctuation of Chinese input methods where YAML wants ASCII: it looks the same and means nothing.
enum FullWidth {
  private static let plain: [Character: Character] = [
    "：": ":", "，": ",", "｛": "{", "｝": "}", "［": "[", "］": "]", "“": "\"", "”": "\"",
    "‘": "'", "’": "'", "＃": "#",
  ]

  /// The first such character on a line that the reader refused, else on the one before, where the
  /// reader often notices nothing yet; those in quotes and comments are text.
  static func first(
    in text: [UInt8], nearLine line: Int
  ) -> (found: Character, plain: Character, place: YAMLPlace)? {
    let lines = text.split(separator: 0x0A, omittingEmptySubsequences: false)
    for number in [line, line - 1] where lines.indices.contains(number - 1) {
      var quote: Character?
      for (index, character) in String(decoding: lines[number - 1], as: UTF8.self).enumerated() {
        if let open = quote {
          if character == open { quote = nil }
        } else if character == "'" || character == "\"" {
          quote = character
        } else if character == "#" {
          break
        } else if let plain = plain[character] {
          return (character, plain, YAMLPlace(line: number, column: index + 1))
        }
      }
    }
    return nil
  }

  /// The first such character of a word, and how many characters stand before it.
  static func first(in word: String) -> (found: Character, plain: Character, offset: Int)? {
    for (offset, character) in word.enumerated() {
      if let plain = plain[character] { return (character, plain, offset) }
    }
    return nil
  }
}
