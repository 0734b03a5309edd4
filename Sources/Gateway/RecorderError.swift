import HAL
import Journal
import TransparencyLog

/// Why recording could not begin or go on.
public enum RecorderError: Error {
  /// The journal cannot be read or written.
  case journal(JournalError)
  /// The tree over the entries is not the one that was signed: the medium lost or changed some.
  case otherRoot(signedSize: UInt64)
  /// Entries below this index were given up, and the summary of them is gone.
  case summaryMissing(below: UInt64)
  /// The place of an epoch's log cannot be made or opened.
  case unopened(epoch: UInt32, StorageError)
  /// What an earlier epoch left cannot be looked at, and the log must not go on without it.
  case earlierUnreadable(epoch: UInt32, StorageError)
  /// A hash of the log could not be computed.
  case hash(HashSourceError)
  /// The key could not be used.
  case keyUnavailable

  /// The medium has no room for what was to be written.
  var isFullMedium: Bool {
    if case .journal(.unwritable(_, _, .full)) = self { true } else { false }
  }
}

extension RecorderError {
  /// Another attempt may read what this one could not.
  var mayPass: Bool {
    switch self {
    case .journal(.unreadable), .hash(.unreadable), .unopened: true
    default: false
    }
  }

  /// A log that holds nothing yet has no room for what it begins with.
  var lacksRoomToBegin: Bool {
    switch self {
    case .unopened(_, .full), .journal(.unwritable(.superblock, _, .full)): true
    default: false
    }
  }

  /// The log is not what it was: it cannot go on, and no later start will mend it.
  var endsEpoch: Bool {
    switch self {
    case .otherRoot, .hash, .summaryMissing: true
    // Who may not, or has no room to, may later.
    case .unopened(_, .denied), .unopened(_, .full): false
    case .unopened: true
    case .keyUnavailable, .earlierUnreadable: false
    case .journal(let error):
      switch error {
      case .unreadable(_, _, .denied), .unreadable(_, _, .full): false
      case .unreadable, .damagedFrame, .damagedSegment, .gap, .signedEntriesMissing,
        .superblocksDamaged, .superblocksMissing, .exhausted:
        true
      case .unwritable, .foreignLog, .notStored, .frameTooLong: false
      }
    }
  }
}
