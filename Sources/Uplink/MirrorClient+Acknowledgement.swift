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
    let judgement = CosignatureJudgement(
      of: response.body, over: target.bytes.span.extracting(target.text),
      signedAt: target.signedAt, key: mirrorKey, clock, verifier)
    switch judgement {
    case .good(let line, let timeChecked):
      acknowledgedSize = target.size
      acknowledgedText = Array(target.bytes[target.text])
      isPlaced = true
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

  /// A 200 to the question where the mirror stands holds its signature for what it acknowledged, whenever it made it. A
  /// login page has none.
  func provesPlace<Verifier: SignatureVerifier>(
    _ response: UplinkResponse, _ verifier: Verifier
  ) -> Bool {
    guard acknowledgedSize > 0 else { return false }
    let judgement = CosignatureJudgement(
      of: response.body, over: acknowledgedText.span, signedAt: 0, key: mirrorKey, nil, verifier)
    if case .good = judgement { return true }
    return false
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

/// What the signature lines of a mirror are worth, in an answer as in a file.
enum CosignatureJudgement {
  /// One of the configured key, over this log's own text.
  case good(line: Range<Int>, timeChecked: Bool)
  /// None of the configured key.
  case otherKeys
  /// Not to be believed.
  case bad(MirrorAlarm)

  /// Judges `lines` over `text`. `signedAt` is when the text was signed, in seconds since 1970; 0 if that is not
  /// known. Without a clock the time of the signature does not matter.
  init<Verifier: SignatureVerifier>(
    of lines: [UInt8], over text: Span<UInt8>, signedAt: UInt64, key: VerifierKey,
    _ clock: TrustedClock?, _ verifier: Verifier
  ) {
    var rest = NoteLines(lines.span)
    var found: (line: Range<Int>, time: UInt64)? = nil
    do throws(NoteError) {
      while let line = try rest.next() {
        guard line.keyID == key.keyID, key.name.matches(lines.span.extracting(line.name)) else {
          continue
        }
        guard let (time, signature) = line.cosignature(in: lines.span) else {
          self = .bad(.badCosignature)
          return
        }
        try Cosignature.verify(signature, time: time, over: text, key: key, with: verifier)
        if found == nil { found = (line.line, time) }
      }
    } catch {
      self = .bad(error == .malformed ? .unintelligible : .badCosignature)
      return
    }
    guard let found else {
      self = lines.isEmpty ? .bad(.unintelligible) : .otherKeys
      return
    }
    guard let clock, clock.isGood else {
      self = .good(line: found.line, timeChecked: false)
      return
    }
    let isPlausible = clock.accepts(found.time, signedAt: signedAt)
    self = isPlausible ? .good(line: found.line, timeChecked: true) : .bad(.implausibleTime)
  }
}
