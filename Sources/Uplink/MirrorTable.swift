/// What was asked.
enum Stage: UInt8, Sendable, CaseIterable {
  /// add-checkpoint.
  case checkpoint
  /// add-entries with the entries that are due.
  case entries
  /// add-entries with none, below or at the acknowledged size, to learn where the mirror stands.
  case probe
}

/// What came back, in the light of what is known here. Every answer is exactly one of these.
enum Answer: UInt8, Sendable, CaseIterable {
  /// 200.
  case accepted
  /// 409 `text/x.tlog.size`, its size is at most that of the checkpoint sent.
  case sizeBehind
  /// … above that, and one that may have been released.
  case sizeAhead
  /// … or 202, 409 `text/x.tlog.mirror-info`: above anything that was released.
  case sizeBeyond
  /// 202, 409 `text/x.tlog.mirror-info`: the mirror's pending size is the end that was asked for.
  case progress
  /// … another one that may have been released.
  case otherEnd
  /// 400.
  case badRequest
  /// 403.
  case forbidden
  /// 404.
  case notFound
  /// 413.
  case tooLarge
  /// 422, or 409 with another content type (a refusal by Tessera's witness).
  case refused
  /// 500.
  case serverError
  /// 429 and other 5xx.
  case busy
  /// No whole answer.
  case network
  /// A status that the protocol does not have here, or a body that cannot be read.
  case unreadable

  /// Answers to a probe that show that the mirror has no more than was released. `accepted` is a 200 with its signature
  /// (`MirrorClient.provesPlace`), which a login page has not.
  static var placing: [Answer] { [.accepted, .progress, .otherEnd, .refused] }
}

/// What to do about it.
enum Decision: Equatable, Sendable {
  /// The checkpoint is pending there: send entries.
  case sendEntries
  /// The mirror stands at its size: ask again from there, at most three times in a row.
  case askFromSize
  /// The mirror stands past this checkpoint: take the newest one.
  case takeNewest
  /// Send entries from where the mirror says.
  case continueFromThere
  /// The mirror works towards another end of ours: go along, or raise it to the newest.
  case changeEnd
  /// All entries are in, and the mirror signed: check it.
  case verify
  /// Ask where the mirror stands, after a wait.
  case waitThenProbe
  /// The mirror knows of no checkpoint: offer one, from nothing.
  case startOver
  /// The mirror does not know the log: show it a checkpoint, unless it has acknowledged before.
  case introduce
  /// Offer the checkpoint again: does the mirror still have it?
  case offerAgain
  /// Send half as many packages.
  case sendLess
  /// Ask again after a wait.
  case wait
  /// Alarm, and ask the same again every 15 minutes.
  case hold(MirrorAlarm)
  /// Alarm, and ask again after a wait.
  case alarmAndWait(MirrorAlarm)
}

extension Decision {
  /// The table of the protocol (C2SP tlog-mirror and tlog-witness). Every row that the specification
  /// does not have is a wait: an answer that makes no sense may make sense later.
  static func table(_ stage: Stage, _ answer: Answer) -> Decision {
    switch (stage, answer) {
    // A checkpoint beyond what this log released is of a clone, or of before a rollback.
    case (_, .sizeBeyond): .hold(.beyondSigned)
    case (.probe, .notFound): .introduce
    case (_, .notFound): .hold(.notEnrolled)
    case (_, .forbidden): .hold(.keyUnknown)

    case (.checkpoint, .accepted): .sendEntries
    case (.checkpoint, .sizeBehind): .askFromSize
    case (.checkpoint, .sizeAhead): .takeNewest
    case (.checkpoint, .refused): .hold(.historyConflict)
    case (.checkpoint, .serverError), (.checkpoint, .busy), (.checkpoint, .network): .wait
    case (.checkpoint, .progress), (.checkpoint, .otherEnd), (.checkpoint, .badRequest),
      (.checkpoint, .tooLarge), (.checkpoint, .unreadable):
      .alarmAndWait(.unintelligible)

    case (.entries, .accepted): .verify
    case (.entries, .progress): .continueFromThere
    case (.entries, .otherEnd): .changeEnd
    // A mirror that lost the checkpoint answers as one that disbelieves the entries.
    case (.entries, .refused): .offerAgain
    case (.entries, .tooLarge): .sendLess
    // How much it kept is unknown; the entries themselves were checked before they were sent.
    case (.entries, .badRequest), (.entries, .serverError), (.entries, .network): .waitThenProbe
    case (.entries, .busy): .wait
    case (.entries, .sizeBehind), (.entries, .sizeAhead), (.entries, .unreadable):
      .alarmAndWait(.unintelligible)

    // The probe asks for a size that was acknowledged: 200 is a fresh signature, 409 the place.
    case (.probe, .accepted): .continueFromThere
    case (.probe, .progress), (.probe, .otherEnd): .changeEnd
    case (.probe, .refused): .startOver
    case (.probe, .badRequest), (.probe, .serverError), (.probe, .busy), (.probe, .network): .wait
    case (.probe, .tooLarge), (.probe, .sizeBehind), (.probe, .sizeAhead), (.probe, .unreadable):
      .alarmAndWait(.unintelligible)
    }
  }
}
