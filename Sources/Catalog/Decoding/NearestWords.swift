/// The words nearest to a misspelt one, best first: edit distance of at most a third of its length, or
/// one word beginning with the other.
package func nearestWords(to word: String, in words: [String], count: Int) -> [String] {
  let wanted = Array(word.lowercased().unicodeScalars.prefix(80))
  guard !wanted.isEmpty else { return [] }
  var scored: [(score: Int, word: String)] = []
  for candidate in words {
    let other = Array(candidate.lowercased().unicodeScalars.prefix(80))
    let shorter = min(wanted.count, other.count)
    let isStart = shorter >= 3 && wanted.prefix(shorter) == other.prefix(shorter)
    let distanceMax = max(1, max(wanted.count, other.count) / 3)
    // No fewer edits than the lengths differ by: most of six hundred time zones end here.
    guard isStart || abs(wanted.count - other.count) <= distanceMax else { continue }
    let distance = editDistance(wanted, other)
    if distance <= distanceMax || isStart {
      // A beginning is a better guess than two edits and a worse one than one.
      scored.append((isStart ? min(2 * distance, 3) : 2 * distance, candidate))
    }
  }
  // Ties are broken by the alphabet so that a text is the same on every run.
  scored.sort { ($0.score, $0.word) < ($1.score, $1.word) }
  return scored.prefix(count).map(\.word)
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other
/// (Damerau's distance in its restricted form).
func editDistance(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar]) -> Int {
  if left.isEmpty || right.isEmpty { return max(left.count, right.count) }
  var beforeLast = [Int](repeating: 0, count: right.count + 1)
  var last = Array(0...right.count)
  for i in 1...left.count {
    var row = [Int](repeating: i, count: right.count + 1)
    for j in 1...right.count {
      let replaced = last[j - 1] + (left[i - 1] == right[j - 1] ? 0 : 1)
      row[j] = min(replaced, last[j] + 1, row[j - 1] + 1)
      if i > 1, j > 1, left[i - 1] == right[j - 2], left[i - 2] == right[j - 1] {
        row[j] = min(row[j], beforeLast[j - 2] + 1)
      }
    }
    beforeLast = last
    last = row
  }
  return last[right.count]
}

extension String {
  /// Whether a word is somewhere in it. The standard library's search would bring regular expressions into `tallyd`: 1.1 MB.
  func holds(_ word: String) -> Bool {
    utf8.indices.contains { utf8[$0...].starts(with: word.utf8) }
  }
}
