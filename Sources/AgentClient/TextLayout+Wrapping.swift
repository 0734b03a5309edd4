// Where lines of text may be broken: as a reader of either language expects it.
extension TextLayout {
  /// `text` in lines of at most `columns`: broken at a space between Latin words or beside a Chinese character, never
  /// within a word or a number. A Latin word stays with the Chinese character behind it, and brackets are kept
  /// together, unless half a line would stay empty.
  public static func wrap(_ text: String, _ columns: Int) -> [String] {
    var lines: [String] = []
    var rest = Array(text)[...]
    while rest.reduce(0, { $0 + width($1) }) > columns {
      let cut = cut(of: rest, columns)
      var line = rest[..<cut]
      while line.last == " " { line.removeLast() }
      lines.append(String(line))
      rest = rest[cut...].drop { $0 == " " }
    }
    return rest.isEmpty ? lines : lines + [String(rest)]
  }

  private enum Break {
    case none, poor, good
  }

  /// Where the line ends that `text` begins with.
  private static func cut(of text: ArraySlice<Character>, _ columns: Int) -> Int {
    var taken = 0
    var depth = 0
    var good: (place: Int, taken: Int)?
    var poor: Int?
    var place = text.startIndex
    while place < text.endIndex {
      if place > text.startIndex {
        switch between(text[..<place], text[place...], depth) {
        case .good: good = (place, taken)
        case .poor: poor = place
        case .none: break
        }
      }
      let character = text[place]
      guard taken + width(character) <= columns else { break }
      taken += width(character)
      depth += isOpening(character) ? 1 : isClosing(character) ? -1 : 0
      place += 1
    }
    if let good, good.taken * 2 >= columns || poor == nil { return good.place }
    // One character wider than the terminal still has to go somewhere.
    return poor ?? max(place, text.startIndex + 1)
  }

  /// How well a line may end between two pieces of text.
  private static func between(
    _ before: ArraySlice<Character>, _ after: ArraySlice<Character>, _ depth: Int
  ) -> Break {
    guard let last = before.last, last != " ", let next = after.first(where: { $0 != " " }) else {
      return .none
    }
    let isSpaced = after.first == " "
    guard isSpaced || width(last) == 2 || width(next) == 2 else { return .none }
    if isOpening(last) || isClosing(next) || isStop(next) { return .none }
    if depth > 0 { return .poor }
    // "558 MiB": a number is nothing without its unit. "U 盘": a Latin word belongs to what follows; before it stands a space, unless it is bound there, too.
    let isBound =
      last.isNumber && isWord(next)
      || isWord(last) && isWord(next) && width(last) != width(next)
        && (!isSpaced || width(next) == 2)
    return isBound ? .poor : .good
  }

  /// Not a sign that separates.
  private static func isWord(_ character: Character) -> Bool {
    !isOpening(character) && !isClosing(character) && !isStop(character)
  }
  private static func isOpening(_ character: Character) -> Bool {
    "([{（［｛“‘「『《【".contains(character)
  }
  private static func isClosing(_ character: Character) -> Bool {
    ")]}）］｝”’」』》】".contains(character)
  }
  private static func isStop(_ character: Character) -> Bool { "，。；：、！？…,;:!?".contains(character) }
}
