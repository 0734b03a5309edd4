import HAL
import Metering
import TransparencyLog

extension MirrorClient {
  /// Takes the answer to the request given last.
  ///
  /// `now` is monotonic µs, `utc` µs since 1970 with its `quality`. What is returned is to be acted on
  /// in order. Traps when no request is under way.
  public mutating func receive<Verifier: SignatureVerifier, Random: EntropySource & ~Copyable>(
    _ response: UplinkResponse, now: UInt64, utc: UInt64, quality: ClockQuality,
    verifier: Verifier, randomness: inout Random
  ) -> [MirrorEvent] {
    precondition(awaiting, "no request is under way")
    endExchange(now)
    var events: [MirrorEvent] = []
    noteLink(response.status != 0, &events)
    guard let target else { return events }
    let (answer, place) = classify(response, target, verifier)
    notePlace(answer)
    noteDivergence(answer)
    if let place { ticket = place.ticket }
    switch Decision.table(stage, answer) {
    case .sendEntries:
      backOff.reset()
      pendingSize = target.size
      stage = .entries
      clearAlarm()
    case .askFromSize:
      takePending(place)
      staleAnswers += 1
      if staleAnswers > 3 { pause(now, &randomness) }
    case .takeNewest:
      begin()
      takePending(place)
    case .continueFromThere: continueEntries(place, target, now, &randomness, &events)
    case .changeEnd: changeEnd(place, target, now, &randomness, &events)
    case .verify:
      let clock = TrustedClock(utc: utc, quality: quality)
      check(response, target, clock, verifier, now, &randomness, &events)
    case .waitThenProbe:
      if response.status == 500, !sentWasWhole { prefixRefusals += 1 }
      stage = .probe
      pause(now, &randomness)
    case .startOver where !isPlaced: break  // It is asked once more.
    case .startOver:
      if acknowledgedSize > 0 { noteLoss(next: 0, &events) }
      begin()
      takePending(nil)
      start = 0
      pauseIfRepeated(now, &randomness)
    case .offerAgain:
      if offeredAgain {
        offeredAgain = false
        hold(.entriesRefused, now, &events)
      } else {
        offeredAgain = true
        stage = .checkpoint
      }
    case .sendLess:
      if packagesSent <= 1 { pause(now, &randomness) }
      packageLimit = packagesSent > 1 ? packagesSent / 2 : 1
    case .wait: pause(now, &randomness)
    case .introduce:
      // A mirror that does not know the log holds no other history of it.
      isPlaced = true
      if acknowledgedSize > 0 { hold(.notEnrolled, now, &events) } else { begin() }
    case .hold(let alarm): hold(alarm, now, &events)
    case .alarmAndWait(let alarm):
      raise(alarm, &events)
      pause(now, &randomness)
    }
    return events
  }

  /// An answer to a probe says where the mirror stands. "I know of no checkpoint" lets the newest one out, and whoever
  /// else stands in the way says the same with 422: it counts when it is said twice.
  private mutating func notePlace(_ answer: Answer) {
    guard stage == .probe else { return }
    let isRefused = answer == .refused
    if Answer.placing.contains(answer), !isRefused || isProbeRefused { isPlaced = true }
    isProbeRefused = isRefused
  }

  /// The size that the mirror names, to begin a proof from; without one from nothing. Up to the size that it has
  /// signed for, its history is this log's: who refuses a proof from there is somebody in between.
  private mutating func takePending(_ place: MirrorPlace?) {
    pendingSize = place?.pending ?? 0
    isPendingNamed = pendingSize > acknowledgedSize
  }

  /// Counts answers that show another history than this log's: more than it ever released, or at a size that the
  /// mirror named itself one from which no proof leads here. A login page or a broken proxy names no size.
  private mutating func noteDivergence(_ answer: Answer) {
    switch (stage, answer) {
    case (_, .sizeBeyond): divergentAnswers += 1
    case (.checkpoint, .refused) where isPendingNamed: divergentAnswers += 1
    case (_, .network), (.checkpoint, .sizeBehind), (.checkpoint, .sizeAhead), (.probe, .accepted):
      break
    case (.probe, _) where Answer.placing.contains(answer): break
    default: divergentAnswers = 0
    }
  }

  private mutating func endExchange(_ now: UInt64) {
    awaiting = false
    notBefore = 0
    if stage == .entries { batchSize.took(now &- sentAt) }
  }

  /// Puts an answer into the one class that it belongs to.
  private func classify<Verifier: SignatureVerifier>(
    _ response: UplinkResponse, _ target: SignedNote, _ verifier: Verifier
  ) -> (Answer, MirrorPlace?) {
    switch response.status {
    case 0: return (.network, nil)
    case 200 where stage == .probe && !provesPlace(response, verifier): return (.unreadable, nil)
    case 200: return (.accepted, nil)
    case 202 where stage != .checkpoint, 409 where stage != .checkpoint:
      guard response.hasType(UplinkResponse.placeType),
        let place = MirrorPlace.parse(response.body)
      else { return (.unreadable, nil) }
      if !mayKnow(place.pending) { return (.sizeBeyond, nil) }
      return (place.pending == target.size ? .progress : .otherEnd, place)
    case 409:
      guard response.hasType(UplinkResponse.sizeType) else { return (.refused, nil) }
      guard let size = MirrorPlace.size(response.body) else { return (.unreadable, nil) }
      if !mayKnow(size) { return (.sizeBeyond, nil) }
      let place = MirrorPlace(pending: size, next: 0, ticket: [])
      return (size <= target.size ? .sizeBehind : .sizeAhead, place)
    case 400: return (.badRequest, nil)
    case 403: return (.forbidden, nil)
    case 404: return (.notFound, nil)
    case 413: return (.tooLarge, nil)
    case 422: return (.refused, nil)
    case 500: return (.serverError, nil)
    case 429, 501...599: return (.busy, nil)
    default: return (.unreadable, nil)
    }
  }

  /// The mirror works towards our end, or signed for what it has.
  private mutating func continueEntries<Random: EntropySource & ~Copyable>(
    _ place: MirrorPlace?, _ target: SignedNote, _ now: UInt64, _ randomness: inout Random,
    _ events: inout [MirrorEvent]
  ) {
    guard let place else {
      // 200 to a probe: the mirror stands exactly at what it acknowledged.
      stage = .entries
      start = acknowledgedSize
      return
    }
    moveTo(place.next, target, now, &randomness, &events)
    stage = .entries
  }

  /// The mirror works towards another end: that of the newest checkpoint if it is that one, else the
  /// newest is offered with the mirror's as its predecessor.
  private mutating func changeEnd<Random: EntropySource & ~Copyable>(
    _ place: MirrorPlace?, _ target: SignedNote, _ now: UInt64, _ randomness: inout Random,
    _ events: inout [MirrorEvent]
  ) {
    guard let place else { return }
    if place.pending == target.size {
      moveTo(place.next, target, now, &randomness, &events)
      stage = .entries
      return
    }
    guard let newest else { return }
    self.target = newest
    moveTo(place.next, newest, now, &randomness, &events)
    takePending(place)
    if place.pending == newest.size {
      stage = .entries
    } else {
      stage = .checkpoint
      ticket = []
    }
  }

  /// Continues at `next`; waits when three answers brought nothing new, and at each step back from the
  /// third on, with growing waits: a mirror that alternates between two places would otherwise be sent
  /// the same entries again and again without a pause.
  private mutating func moveTo<Random: EntropySource & ~Copyable>(
    _ next: UInt64, _ target: SignedNote, _ now: UInt64, _ randomness: inout Random,
    _ events: inout [MirrorEvent]
  ) {
    if next < acknowledgedSize { noteLoss(next: next, &events) }
    let before = start
    start = next < target.size ? next : target.size
    if start > before {
      answersWithoutGrowth = 0
      prefixRefusals = 0
      if stepsBack < MirrorClient.stepsBackMax { backOff.reset() }
      return
    }
    if start < before { stepsBack += 1 }
    if stepsBack >= MirrorClient.stepsBackMax {
      pause(now, &randomness)
    } else {
      pauseIfRepeated(now, &randomness)
    }
  }

  private mutating func pauseIfRepeated<Random: EntropySource & ~Copyable>(
    _ now: UInt64, _ randomness: inout Random
  ) {
    answersWithoutGrowth += 1
    if answersWithoutGrowth >= 3 { pause(now, &randomness) }
  }

  private mutating func noteLoss(next: UInt64, _ events: inout [MirrorEvent]) {
    if next < keepFrom {
      keepFrom = next
      alarm = nil
      raise(.lostData, &events)
    }
  }

  mutating func pause<Random: EntropySource & ~Copyable>(
    _ now: UInt64, _ randomness: inout Random
  ) {
    notBefore = now &+ backOff.next(&randomness)
  }

  private mutating func noteLink(_ up: Bool, _ events: inout [MirrorEvent]) {
    if up != isLinkUp { events.append(up ? .linkUp : .linkDown) }
    isLinkUp = up
  }

  mutating func raise(_ alarm: MirrorAlarm, _ events: inout [MirrorEvent]) {
    if self.alarm != alarm { events.append(.alarm(alarm)) }
    self.alarm = alarm
  }

  /// Sends nothing new until the mirror has another answer to what was sent already, every 15 minutes: what
  /// answered may have been no mirror, and nobody comes by for years.
  private mutating func hold(
    _ alarm: MirrorAlarm, _ now: UInt64, _ events: inout [MirrorEvent]
  ) {
    raise(alarm, &events)
    stage = opening
    notBefore = now &+ 900_000_000
    if alarm == .historyConflict {
      // From nothing: a mirror names its size again then.
      takePending(nil)
      staleAnswers = 0
    }
    guard (1...MirrorClient.divergentAnswersMax).contains(divergentAnswers) else { return }
    // An epoch ends by this: it is asked again soon, and believed when it is said again.
    notBefore = now &+ 60_000_000
    if divergentAnswers == MirrorClient.divergentAnswersMax { events.append(.rolledBack) }
  }

  private static var divergentAnswersMax: Int { 3 }

  /// Something worked: an alarm about the mirror's refusals holds no longer. Lost data stays an alarm
  /// until it is acknowledged again.
  private mutating func clearAlarm() {
    if alarm != .lostData { alarm = nil }
  }
}
