/// Something is wrong that a person must know about.
public enum MirrorAlarm: UInt8, Error, CaseIterable, Sendable {
  /// The mirror does not know this log (404); asked again every 15 minutes.
  case notEnrolled = 1
  /// The mirror knows the log but not its key (403); asked again every 15 minutes.
  case keyUnknown = 2
  /// The mirror holds another history of this log (422 on a checkpoint). Asked again every 15
  /// minutes with the same checkpoint; three times after a minute if it names a size from which no proof leads
  /// to this log.
  case historyConflict = 3
  /// The mirror has our checkpoint and refuses the entries under it (422), although they hash to it
  /// here. Asked again every 15 minutes.
  case entriesRefused = 4
  /// The mirror holds a size that this log never released: its storage was rolled back, or a clone
  /// signs with its key. Nothing new is released.
  case beyondSigned = 5
  /// The mirror lacks entries that it acknowledged; they are uploaded again.
  case lostData = 6
  /// The mirror answered with a signature of its key that does not verify; nothing is acknowledged.
  case badCosignature = 7
  /// The time of the mirror's signature is more than 5 minutes off; nothing is acknowledged.
  case implausibleTime = 8
  /// Entries or hashes read back here do not hash to what was signed; they are not sent.
  case ownDataDamaged = 9
  /// The mirror's answers make no sense (a status or body that the protocol does not have).
  case unintelligible = 10
  /// What was carried in as an acknowledgement is none of this log.
  case strangeAcknowledgement = 11
}

/// What an answer means for the agent.
public enum MirrorEvent: Equatable, Sendable {
  /// The mirror has stored everything below `size` and signed for it: make `note` durable, then the
  /// acknowledged size. `timeChecked` is false when the clock here was too uncertain to judge its time.
  case acknowledged(size: UInt64, note: [UInt8], timeChecked: Bool)
  /// The mirror stored everything below `size`, but no line of the configured key came with it: not an
  /// acknowledgement.
  case stored(size: UInt64)
  /// Something is wrong; told once until something else happens.
  case alarm(MirrorAlarm)
  /// Asked three times, the mirror knows of more than this log ever released, or of another tree at a size that it
  /// names: the medium was set back.
  case rolledBack
  /// No answer came, where one came before.
  case linkDown
  /// An answer came, where none came before.
  case linkUp
}
