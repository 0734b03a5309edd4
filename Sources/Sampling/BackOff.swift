/// How long a device that does not answer is left alone.
///
/// The first failure costs nothing: one disturbed frame must not cost a slot. From the second on the
/// pause doubles from 1 s to 60 s, so that a dead device costs its line at most one probe in a pause.
public enum BackOff {
  /// Shortest pause, µs.
  public static var pauseMin: UInt64 { 1_000_000 }
  /// Longest pause, µs.
  public static var pauseMax: UInt64 { 60_000_000 }

  /// The pause after `failures` failures in a row, µs.
  public static func pause(afterFailures failures: UInt32) -> UInt64 {
    guard failures >= 2 else { return 0 }
    var pause = pauseMin
    var i: UInt32 = 2
    while i < failures && pause < pauseMax {
      pause = pause &* 2
      i &+= 1
    }
    return pause < pauseMax ? pause : pauseMax
  }
}
