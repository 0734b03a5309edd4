import Gateway
import HAL
import HostCodec
import HostCrypto
import HostHAL
import Journal
import MirrorUplink
import Synchronization
import TransparencyLog
import Uplink

/// The storage of a log as this program makes it: files, of which the full segments are sealed.
typealias LogStorage = SealingStorage<FileBlockStorage, ZstdCodec>
/// The recorder as this program makes it.
typealias FileRecorder = Recorder<LogStorage, FileKeySigner, SodiumVerifier>

/// The thread that makes entries durable, signs, and hands them to the way out.
final class RecorderThread: @unchecked Sendable {
  // @unchecked: `recorder` is touched by the thread alone once `run` has begun; everything else is
  // immutable or synchronised by itself.
  private var recorder: FileRecorder
  private let clock: HostClock
  private let wake: WakeHandle
  private let way: WayOut
  private let isStopping = Atomic<Bool>(false)
  private let changed: @Sendable (RecorderError?) -> Void

  /// A thread over `recorder`; `changed` is called when recording begins to fail, and with `nil` when all that
  /// failed has succeeded.
  init(
    recorder: consuming FileRecorder, clock: HostClock, wake: WakeHandle, way: WayOut,
    changed: @escaping @Sendable (RecorderError?) -> Void
  ) {
    self.recorder = recorder
    self.clock = clock
    self.wake = wake
    self.way = way
    self.changed = changed
  }

  /// Runs until `stop`; on a thread of its own.
  func run() {
    var isFailing = false
    var entropy = SecureRandom()
    while !isStopping.load(ordering: .acquiring) {
      let turn = turn(&entropy)
      if let failure = turn.failure {
        if !isFailing { changed(failure) }
        isFailing = true
      } else if isFailing, !recorder.hasFailed {
        changed(nil)
        isFailing = false
      }
      let now = clock.microseconds()
      if turn.due > now { _ = wake.wait(microseconds: Int64(turn.due - now)) }
    }
    do throws(RecorderError) { try recorder.settle(at: clock.now()) } catch {
      if !isFailing { changed(error) }
    }
  }

  /// One turn of the recorder, with what came by the way out and what goes there.
  private func turn(_ entropy: inout SecureRandom) -> RecorderTurn {
    let now = clock.now()
    switch way {
    case .network(let transport, _):
      let turn = recorder.turn(
        at: now, response: transport.takeResponse(), canSubmit: transport.isFree,
        entropy: &entropy)
      if let request = turn.request { transport.submit(request) }
      return turn
    case .directory(let packages, _):
      var failure: RecorderError?
      do throws(RecorderError) {
        let answer = packages.takeAnswer()
        let request = try recorder.packageTurn(
          at: now, answer: answer, canSubmit: packages.isFree, entropy: &entropy)
        if let request { packages.submit(request) }
      } catch { failure = error }
      var turn = recorder.turn(at: now, response: nil, canSubmit: false, entropy: &entropy)
      turn.failure = failure ?? turn.failure
      return turn
    }
  }

  /// Tells the thread to commit, sign and end.
  func stop() {
    isStopping.store(true, ordering: .releasing)
    wake.wake()
  }
}
