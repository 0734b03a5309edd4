import HAL
import Metering
import TransparencyLog

/// The log's own side of an acknowledgement that was carried back.
public struct SignedLog: Sendable {
  /// The key that signs this log.
  public var key: VerifierKey
  /// Entries under its newest checkpoint.
  public var signedSize: UInt64

  /// Takes the fields.
  public init(key: VerifierKey, signedSize: UInt64) {
    self.key = key
    self.signedSize = signedSize
  }
}

extension PackageClient {
  /// µs between two looks at a directory that answers.
  private var pause: UInt64 {
    terms.every < PackageClient.lookPeriod ? terms.every : PackageClient.lookPeriod
  }

  /// A request that has been under way for `patience` has no answer yet: the directory counts as down until it comes. Whoever
  /// performs it can do nothing else meanwhile.
  public mutating func noteSilence(now: UInt64) -> [MirrorEvent] {
    guard awaiting, failure == nil, now >= begunAt &+ PackageClient.patience else { return [] }
    failure = .directoryHangs
    return [.linkDown]
  }

  /// Takes the answer to the request given last.
  ///
  /// An acknowledgement is judged as one of an upload is: the mirror's line must verify over the text that this log has
  /// at that size, which is computed from `source`. What is returned is to be acted on in order; the note in
  /// `acknowledged` is the text, the log's line and the mirror's. Traps when no request is under way.
  public mutating func receive<
    Source: EvidenceSource & ~Copyable, Verifier: SignatureVerifier,
    Random: EntropySource & ~Copyable
  >(
    _ answer: PackageAnswer, now: Instant, log: SignedLog, source: inout Source,
    verifier: Verifier, randomness: inout Random
  ) -> [MirrorEvent] {
    precondition(awaiting, "no request is under way")
    awaiting = false
    var events: [MirrorEvent] = []
    if let failure = answer.failure {
      if self.failure == nil { events.append(.linkDown) }
      self.failure = failure
      lookAt = now.mono &+ backOff.next(&randomness)
      return events
    }
    if failure != nil {
      events.append(.linkUp)
      // What was signed while it waited for the directory comes right behind it.
      dueAt = now.mono
    }
    failure = nil
    backOff.reset()
    acknowledgementWasTaken = nil
    wasHeard = false
    if let end = underWay?.end {
      writtenSize = end
      underWay = nil
      if end >= target?.size ?? 0 { target = nil }
    }
    lookAt = target != nil && now.mono >= makeAt ? now.mono : now.mono &+ pause
    if let found = answer.acknowledgement {
      let event = judge(
        found, TrustedClock(utc: now.utc, quality: now.quality), log, &source, verifier)
      acknowledgementWasTaken = true
      switch event {
      case .acknowledged(let size, _, _): acknowledgedSize = size
      case .alarm(let alarm):
        acknowledgementWasTaken = false
        self.alarm = alarm
      case .rolledBack: isOver = true
      case .stored, .linkUp, .linkDown, nil: break
      }
      if acknowledgementWasTaken == true { alarm = nil }
      if let event { events.append(event) }
      lookAt = now.mono
    }
    if let asked = answer.again { beginAgain(asked, now.mono) }
    return events
  }

  /// The acknowledgement that `receive` gave could not be made durable: everything below `size` is acknowledged as
  /// before, and the file stays where it is, to be taken at the next look.
  public mutating func putBack(acknowledgedSize size: UInt64, now: UInt64) {
    acknowledgedSize = size
    acknowledgementWasTaken = nil
    lookAt = now &+ PackageClient.lookPeriod
  }

  /// Goes back to where somebody wants packages from. What cannot be read asks for everything that is not
  /// acknowledged, as an empty file does: nobody comes by a second time to correct a slip.
  private mutating func beginAgain(_ asked: [UInt8], _ now: UInt64) {
    var digits = asked
    while let last = digits.last, last <= 0x20 { digits.removeLast() }
    let first = UnsignedText.read(digits.span) ?? acknowledgedSize
    if first < writtenSize { writtenSize = first }
    target = nil
    wasHeard = true
    dueAt = now
    lookAt = now
  }

  /// The newest tree that was signed goes on from this root: no hash on the medium came to harm.
  private func isOwn<Source: EvidenceSource & ~Copyable>(
    _ root: Digest, at size: UInt64, _ source: inout Source
  ) throws(HashSourceError) -> Bool {
    guard let newest, size < newest.size else { return newest?.root == root }
    let proof = try Proof.subtree(0, size, in: newest.size, &source)
    return proof.verifies(
      consistencyFrom: size, oldRoot: root, to: newest.size, root: newest.root)
  }

  /// What an acknowledgement says; `nil` if nothing new.
  private func judge<Source: EvidenceSource & ~Copyable, Verifier: SignatureVerifier>(
    _ note: [UInt8], _ clock: TrustedClock, _ log: SignedLog, _ source: inout Source,
    _ verifier: Verifier
  ) -> MirrorEvent? {
    guard let parsed = try? Note.parse(note.span),
      let checkpoint = try? Checkpoint.parse(text: note.span.extracting(parsed.text)),
      checkpoint.origin == origin
    else { return .alarm(.strangeAcknowledgement) }
    let text = note.span.extracting(parsed.text)
    let lines = Array(note[parsed.firstLine...])
    let judgement = CosignatureJudgement(
      of: lines, over: text, signedAt: 0, key: mirrorKey, clock, verifier)
    switch judgement {
    case .bad(let alarm): return .alarm(alarm)
    case .otherKeys: return .alarm(.badCosignature)
    case .good(let line, let timeChecked):
      let own: NoteSignature
      do throws(NoteError) {
        own = try parsed.verify(note.span, key: log.key, with: verifier)
      } catch { return .alarm(.strangeAcknowledgement) }
      // Its key signed this, and the log does not know of it.
      if checkpoint.size > log.signedSize { return .rolledBack }
      if checkpoint.size <= acknowledgedSize { return nil }
      do throws(HashSourceError) {
        let root = try rootHash(checkpoint.size, &source)
        if root != checkpoint.root {
          // Its key signed this, too: the medium was set back, and the log has gone another way since.
          return try isOwn(root, at: checkpoint.size, &source)
            ? .rolledBack : .alarm(.ownDataDamaged)
        }
      } catch { return .alarm(.ownDataDamaged) }
      var kept = Array(note[..<parsed.firstLine])
      kept.append(contentsOf: note[own.line])
      kept.append(contentsOf: lines[line])
      return .acknowledged(size: checkpoint.size, note: kept, timeChecked: timeChecked)
    }
  }
}
