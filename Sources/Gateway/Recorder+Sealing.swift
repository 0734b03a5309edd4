import HAL
import Journal

extension Recorder where Storage: ~Copyable, Key: ~Copyable {
  /// Seals at once, for its room is needed now: all that can be, or `one` segment, that others may have their turn. A medium that
  /// refuses is asked three times.
  mutating func sealAtOnce(one: Bool = false) {
    for _ in 0..<3 {
      do throws(JournalError) {
        while try evidence.journal.seal(), !one || evidence.journal.freeSegmentCount == 0 {}
        return
      } catch {
        report.post(.storageDegraded)
      }
    }
  }

  /// Does a step of sealing unless something else is due; returns when the next turn is, which is at `due` at the latest.
  ///
  /// A medium that refuses is told and asked again when its room is looked at: a segment that is not sealed costs room,
  /// and nothing else.
  mutating func seal(at now: Instant, before due: UInt64) -> UInt64 {
    guard due > now.mono else { return due }
    if now.mono >= sealAt {
      do throws(JournalError) {
        guard try evidence.journal.seal() else { return due }
        sealAt = now.mono &+ Limits.sealingPause
        report.byteCount = evidence.journal.usedByteCount
      } catch {
        report.post(.storageDegraded)
        sealAt = now.mono &+ Limits.roomPeriod
      }
    }
    return sealAt < due ? sealAt : due
  }
}
