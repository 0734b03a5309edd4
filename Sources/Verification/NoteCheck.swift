import HostCrypto
import TransparencyLog

/// Checks the notes of one log against the keys that the verifier was given.
struct NoteCheck {
  let policy: Policy
  private let verifier = SodiumVerifier()

  init(policy: Policy) { self.policy = policy }

  /// Checks the log's signature; adds a finding and returns `nil` if it is not good.
  func open(_ note: [UInt8], path: String, _ report: inout Report) -> Checkpoint? {
    do throws(NoteError) {
      return try Checkpoint.open(note.span, key: policy.logKey, with: verifier)
    } catch {
      report.add(.badNote(path: path, NoteCheck.problem(error)))
      return nil
    }
  }

  /// What the text of a note says, whoever signed it; `nil` if it is no note.
  static func unsigned(_ note: [UInt8]) -> Checkpoint? {
    guard let parsed = try? Note.parse(note.span) else { return nil }
    return try? Checkpoint.parse(text: note.span.extracting(parsed.text))
  }

  /// Checks the cosignatures of the keys given on a note of `size`, and collects the names of others.
  ///
  /// A line that is there and does not verify is a finding about the file; a key without a line is
  /// one about the policy, made by the caller from `Statistics.cosignedSizes`.
  func checkCosigners(_ note: [UInt8], size: UInt64, path: String, _ report: inout Report) {
    guard let parsed = try? Note.parse(note.span) else { return }
    for (position, key) in policy.cosigners.enumerated() {
      do throws(NoteError) {
        _ = try parsed.verify(note.span, key: key, with: verifier)
        let known = report.statistics.cosignedSizes[position] ?? 0
        report.statistics.cosignedSizes[position] = max(known, size)
      } catch {
        if error == .unsigned { continue }
        report.add(.badNote(path: path, NoteCheck.problem(error)))
        report.badCosigners.insert(position)
      }
    }
    var lines = NoteLines(note.span, at: parsed.firstLine)
    while let line = try? lines.next() {
      let name = String(decoding: note[line.name], as: UTF8.self)
      let isKnown = ([policy.logKey] + policy.cosigners).contains {
        $0.keyID == line.keyID && $0.name.description == name
      }
      if !isKnown, !report.uncheckedNames.contains(name) { report.uncheckedNames.append(name) }
    }
  }

  /// Adds what the policy says about the figures.
  func judge(_ report: inout Report) {
    let statistics = report.statistics
    guard report.signedSize != nil else { return report.doNotJudge(.policy) }
    for (position, key) in policy.cosigners.enumerated()
    where statistics.cosignedSizes[position] == nil && !report.badCosigners.contains(position) {
      report.add(.notCosigned(key: key.name.description, path: report.notePath))
    }
    if let limit = policy.unsynchronisedPercentMax, statistics.entryCount > 0,
      Double(statistics.unsynchronisedCount) * 100 > limit * Double(statistics.entryCount)
    {
      report.add(
        .unsynchronised(
          entries: statistics.unsynchronisedCount, of: statistics.entryCount, limitPercent: limit))
    }
    if let limit = policy.ageSecondsMax, let last = statistics.lastUTC {
      let age = policy.nowUTC > last ? (policy.nowUTC - last) / 1_000_000 : 0
      if age > limit { report.add(.tooOld(seconds: age, limit: limit)) }
    }
    if policy.cosigners.isEmpty, policy.unsynchronisedPercentMax == nil,
      policy.ageSecondsMax == nil
    {
      report.doNotJudge(.policy)
    }
  }

  private static func problem(_ error: NoteError) -> Finding.NoteProblem {
    switch error {
    case .malformed, .tooLong: .malformed
    case .unsigned: .unsigned
    case .badSignature: .badSignature
    case .otherOrigin: .otherOrigin
    }
  }
}
