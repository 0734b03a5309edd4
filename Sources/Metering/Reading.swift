/// Why there is no value where one was expected.
///
/// A number never stands for its own absence: a boundary carries a value or one of these.
public enum NoData: UInt8, Error, Sendable, BitwiseCopyable {
  /// The device did not answer in time.
  case timeout = 1
  /// Bytes came, and no frame in them had a good checksum.
  case badChecksum = 2
  /// The device answered with an exception or an error byte.
  case exception = 3
  /// The port of the device is gone.
  case noPort = 4
  /// The reply is shorter or of another shape than the profile says.
  case malformed = 5
  /// The bit pattern that the profile declares as "not available".
  case notAvailable = 6
  /// A NaN or an infinity.
  case notANumber = 7
  /// A digit that is not decimal where BCD was due.
  case notDecimal = 8
  /// The value does not fit an Int64 mantissa and an Int8 exponent.
  case overflow = 9
  /// Nothing was attempted yet.
  case notYet = 10
}

/// The outcome of one poll, as the log keeps it (`st` of a reading entry).
///
/// Source: OCMF 1.4.1, table 10, as taken over by the entry format; substitutes are never silent.
public enum ReadingStatus: UInt8, Sendable, BitwiseCopyable {
  case good = 0
  case timeout = 1
  case badChecksum = 2
  case exception = 3
  case noDevice = 4
  case outOfRange = 5
  case exchanged = 6
  case maintenance = 7
  case substitute = 8
  case other = 9
}

/// How well the wall clock was known when an entry was made (`tq` of an entry).
///
/// Bits 0–4: `e`, the error is at most `2^e` µs, 31 = unknown · 5–7: source (0 none, 1 RTC, 2 NTP,
/// 3 NTS, 4 PTP, 5 GNSS) · 8 hold-over · 9 stepped since the last time entry · 10 leap second
/// pending · 11 never synchronised in this boot.
public struct ClockQuality: Equatable, Sendable, BitwiseCopyable {
  /// The word as it is encoded.
  public var rawValue: UInt16

  /// Takes the word as it is encoded.
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// Where the time came from.
  public enum Source: UInt8, Sendable {
    case none = 0
    case rtc = 1
    case ntp = 2
    case nts = 3
    case ptp = 4
    case gnss = 5
  }

  /// Builds the word from its parts; `errorExponent` above 31 is taken as 31, unknown.
  public init(
    errorExponent: UInt8, source: Source, holdover: Bool = false, stepped: Bool = false,
    leapPending: Bool = false, neverSynchronised: Bool = false
  ) {
    var word = UInt16(truncatingIfNeeded: errorExponent > 31 ? 31 : errorExponent)
    word |= UInt16(truncatingIfNeeded: source.rawValue) &<< 5
    if holdover { word |= 1 &<< 8 }
    if stepped { word |= 1 &<< 9 }
    if leapPending { word |= 1 &<< 10 }
    if neverSynchronised { word |= 1 &<< 11 }
    rawValue = word
  }

  /// The clock was never set from a trustworthy source in this boot.
  public static var unknown: ClockQuality {
    ClockQuality(errorExponent: 31, source: .none, neverSynchronised: true)
  }

  /// `e` of "the error is at most 2^e µs"; 31 = unknown.
  public var errorExponent: UInt8 { UInt8(truncatingIfNeeded: rawValue & 31) }

  /// Where the time came from; `nil` for a number that this version does not know.
  public var source: Source? { Source(rawValue: UInt8(truncatingIfNeeded: (rawValue &>> 5) & 7)) }

  /// The clock was never synchronised in this boot.
  public var isNeverSynchronised: Bool { rawValue & (1 &<< 11) != 0 }
}
