import Gateway
import HAL
import HostCrypto
import HostHAL
import MirrorUplink
import Synchronization
import TransparencyLog
import Uplink

/// The recorder as this program makes it.
typealias FileRecorder = Recorder<FileBlockStorage, FileKeySigner, SodiumVerifier>

/// The thread that makes entries durable, signs, and talks to the mirror through its transport.
final class RecorderThread: @unchecked Sendable {
  // @unchecked: `recorder` is touched by the thread alone once `run` has begun; everything else is
  // immutable or synchronised by itself.
  private var recorder: FileRecorder
  private let clock: HostClock
  private let wake: WakeHandle
  private let transport: Transport
  private let isStopping = Atomic<Bool>(false)
  private let changed: @Sendable (RecorderError?) -> Void

  /// A thread over `recorder`; `changed` is called when recording begins to fail, and with `nil` when all that
  /// failed has succeeded.
  init(
    recorder: consuming FileRecorder, clock: HostClock, wake: WakeHandle, transport: Transport,
    changed: @escaping @Sendable (RecorderError?) -> Void
  ) {
    self.recorder = recorder
    self.clock = clock
    self.wake = wake
    self.transport = transport
    self.changed = changed
  }

  /// Runs until `stop`; on a thread of its own.
  func run() {
    var isFailing = false
    var entropy = SecureRandom()
    while !isStopping.load(ordering: .acquiring) {
      let response = transport.takeResponse()
      let turn = recorder.turn(
        at: clock.now(), response: response, canSubmit: transport.isFree, entropy: &entropy)
      if let request = turn.request { transport.submit(request) }
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

  /// Tells the thread to commit, sign and end.
  func stop() {
    isStopping.store(true, ordering: .releasing)
    wake.wake()
  }
}
