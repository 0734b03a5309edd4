import HAL
import Metering
import TransparencyLog

/// The wall clock, and whether it is good enough to judge another's.
struct TrustedClock {
  /// Seconds since 1970.
  var seconds: UInt64
  /// It was set from a source in this boot, and its error is below 2^27 µs (134 s): less than half of
  /// the 300 s that are allowed.
  var isGood: Bool

  init(utc: UInt64, quality: ClockQuality) {
    seconds = utc / 1_000_000
    let source = quality.source
    isGood =
      !quality.isNeverSynchronised && quality.errorExponent <= 27 && source != nil
      && source != ClockQuality.Source.none
  }

  /// Whether `time` lies between five minutes before `signedAt` and five minutes from now. A checkpoint that
  /// was signed later than now was signed while the clock here was ahead: that says nothing then.
  func accepts(_ time: UInt64, signedAt: UInt64) -> Bool {
    let earliest = signedAt < seconds ? signedAt : seconds
    return time &+ 300 >= earliest && time <= seconds &+ 300
  }
}

extension MirrorClient {
  /// Checks the lines of a 200: only a good signature of the configured key acknowledges.
  mutating func check<Verifier: SignatureVerifier, Random: EntropySource & ~Copyable>(
    _ response: UplinkResponse, _ target: SignedNote, _ clock: TrustedClock, _ verifier: Verifier,
    _ now: UInt64, _ randomness: inout Random, _ events: inout [MirrorEvent]
  ) {
    ticket = []
    switch judge(response.body, target, clock, verifier) {
    case .good(let line, let timeChecked):
      acknowledgedSize = target.size
      keepFrom = target.size
      start = target.size
      alarm = nil
      var note = target.bytes
      note.append(contentsOf: response.body[line])
      events.append(.acknowledged(size: target.size, note: note, timeChecked: timeChecked))
      finish()
    case .otherKeys:
      // Stored there, it need not be sent again; but nothing here may be dropped for it.
      storedSize = target.size
      start = target.size
      events.append(.stored(size: target.size))
      finish()
    case .bad(let alarm):
      raise(alarm, &events)
      pause(now, &randomness)
    }
  }

  private enum Judgement {
    case good(line: Range<Int>, timeChecked: Bool)
    case otherKeys
    case bad(MirrorAlarm)
  }

  private func judge<Verifier: SignatureVerifier>(
    _ body: [UInt8], _ target: SignedNote, _ clock: TrustedClock, _ verifier: Verifier
  ) -> Judgement {
    let text = target.bytes.span.extracting(target.text)
    var lines = NoteLines(body.span)
    var found: (line: Range<Int>, time: UInt64)? = nil
    do throws(NoteError) {
      while let line = try lines.next() {
        guard line.keyID == mirrorKey.keyID,
          mirrorKey.name.matches(body.span.extracting(line.name))
        else { continue }
        guard let (time, signature) = line.cosignature(in: body.span) else {
          return .bad(.badCosignature)
        }
        try Cosignature.verify(
          signature, time: time, over: text, key: mirrorKey, with: verifier)
        if found == nil { found = (line.line, time) }
      }
    } catch {
      return .bad(error == .malformed ? .unintelligible : .badCosignature)
    }
    guard let found else { return body.isEmpty ? .bad(.unintelligible) : .otherKeys }
    if clock.isGood, !clock.accepts(found.time, signedAt: target.signedAt) {
      return .bad(.implausibleTime)
    }
    return .good(line: found.line, timeChecked: clock.isGood)
  }

  /// Done with this checkpoint: the next one is due when there is one.
  private mutating func finish() {
    backOff.reset()
    answersWithoutGrowth = 0
    stepsBack = 0
    prefixRefusals = 0
    target = nil
    if hasNewer { begin() }
  }
}
