import HAL
import Journal
import Metering
import TransparencyLog
import Uplink

/// What came of a turn of the recorder.
public struct RecorderTurn {
  /// To be performed now; its answer goes into a later turn.
  public var request: UplinkRequest?
  /// When the next turn is due at the latest, µs since boot.
  public var due: UInt64
  /// What could not be done; it is tried again.
  public var failure: RecorderError?
}

extension Recorder where Storage: ~Copyable, Key: ~Copyable {
  /// Everything that is due: entries are committed and signed, an answer of the mirror is taken, the next
  /// request is made.
  ///
  /// A medium that refuses (full, or broken) stops neither: what is signed goes on to the mirror, entries
  /// wait in the queue, and writing is tried again after `Limits.storageRetryPeriod` and then at growing intervals, each
  /// time in a fresh segment.
  /// - Parameters:
  ///   - now: both clocks.
  ///   - response: the answer to the last request, once.
  ///   - canSubmit: no request is under way.
  ///   - entropy: for the jitter of waits.
  public mutating func turn<Entropy: EntropySource & ~Copyable>(
    at now: Instant, response: UplinkResponse?, canSubmit: Bool, entropy: inout Entropy
  ) -> RecorderTurn {
    var failure: RecorderError?
    // How often it has been refused in a row; a superblock that is refused costs no segment, and commits go on.
    var refused = refusals
    if now.mono >= retryAt {
      do throws(RecorderError) { try step(at: now) } catch {
        failure = error
        if error.isFullMedium { sealAtOnce(one: true) }
      }
      let isStaged = failure != nil && evidence.journal.stagedCount > 0
      refused = isStaged ? min(refusals + 1, Limits.storageRetryDoublings) : 0
      do throws(RecorderError) { try keepAcknowledgement() } catch { failure = failure ?? error }
      // A full medium, too, has room where entries can be given up.
      keepRoom(at: now)
    }
    if let response {
      // An acknowledgement that cannot be kept now is kept later.
      do throws(RecorderError) { try receive(response, at: now, entropy: &entropy) } catch {
        failure = failure ?? error
      }
    }
    if failure != nil { retryAt = now.mono &+ Limits.storageRetryPeriod << refusals }
    refusals = refused
    let request = canSubmit ? nextRequest(at: now) : nil
    let due = nextTurn(after: now)
    return RecorderTurn(
      request: request, due: failure == nil ? seal(at: now, before: due) : due, failure: failure)
  }
}
