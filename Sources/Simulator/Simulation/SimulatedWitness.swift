import HAL
import TransparencyLog

/// An auditor that looks at what a mirror shows of a log, as C2SP tlog-witness has it: it remembers the largest tree that it
/// has seen with all its leaves, and no later one may be another. It forgets nothing when a mirror does.
///
/// The gateway does not speak to it; what it would be shown after a mirror was set up anew is what it is there for.
struct SimulatedWitness<Verifier: SignatureVerifier> {
  private let origin: KeyName
  private let mirrorKey: VerifierKey
  private let verifier: Verifier
  /// Its own copy of the log, over which it computes every root.
  private var copy = LogOracle()
  /// Size of the largest tree that it has signed for.
  var size: UInt64 { UInt64(copy.leaves.count) }

  init(origin: KeyName, mirrorKey: VerifierKey, verifier: Verifier) {
    self.origin = origin
    self.mirrorKey = mirrorKey
    self.verifier = verifier
  }

  /// Looks at the newest checkpoint with the mirror's signature and at the leaves that the mirror has. Returns what is
  /// wrong.
  mutating func look(at note: [UInt8], leaves: [Digest]) -> String? {
    guard let parsed = try? Note.parse(note.span),
      let checkpoint = try? Checkpoint.parse(text: note.span.extracting(parsed.text)),
      checkpoint.origin == origin,
      (try? parsed.verify(note.span, key: mirrorKey, with: verifier)) != nil
    else { return "what the mirror shows is not signed by it" }
    // A mirror that has lost its copy gets it again; until then it has nothing new to show.
    guard checkpoint.size >= size, Int(checkpoint.size) <= leaves.count else { return nil }
    guard leaves.starts(with: copy.leaves) else {
      return "the mirror shows other entries than before"
    }
    copy.add(leaves[copy.leaves.count..<Int(checkpoint.size)])
    guard copy.root(size: Int(checkpoint.size)) == checkpoint.root else {
      return "the mirror's checkpoint of \(checkpoint.size) is not over its entries"
    }
    return nil
  }
}
