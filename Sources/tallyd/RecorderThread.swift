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
  private let hasEnded = Atomic<Bool>(false)
  private let failed: @Sendable (RecorderError) -> Void

  /// A thread over `recorder`; `failed` is called at most once, when recording is over.
  init(
    recorder: consuming FileRecorder, clock: HostClock, wake: WakeHandle, transport: Transport,
    failed: @escaping @Sendable (RecorderError) -> Void
  ) {
    self.recorder = recorder
    self.clock = clock
    self.wake = wake
    self.transport = transport
    self.failed = failed
  }

  /// Runs until `stop`; on a thread of its own.
  func run() {
    do throws(RecorderError) {
      while !isStopping.load(ordering: .acquiring) { try turn() }
      try recorder.settle(at: clock.now())
    } catch { failed(error) }
    hasEnded.store(true, ordering: .releasing)
  }

  /// Tells the thread to commit, sign and end.
  func stop() {
    isStopping.store(true, ordering: .releasing)
    wake.wake()
  }

  /// The thread has ended.
  var isOver: Bool { hasEnded.load(ordering: .acquiring) }

  private func turn() throws(RecorderError) {
    var entropy = SecureRandom()
    let now = clock.now()
    try recorder.step(at: now)
    if let response = transport.takeResponse() {
      try recorder.receive(response, at: clock.now(), entropy: &entropy)
    }
    if transport.isFree, let request = recorder.nextRequest(at: clock.now()) {
      transport.submit(request)
    }
    let next = recorder.nextStep(after: now)
    let later = clock.microseconds()
    if next > later { _ = wake.wait(microseconds: Int64(next - later)) }
  }
}
