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

  /// µs after which a medium that refused is tried again.
  private static let retryPeriod: Int64 = 5_000_000

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
  ///
  /// A medium that refuses (full, or broken) does not end the thread: what is signed goes on to the
  /// mirror, entries wait in the ring, and writing is tried again, each time in a fresh segment.
  func run() {
    var isFailing = false
    while !isStopping.load(ordering: .acquiring) {
      do throws(RecorderError) {
        try recorder.step(at: clock.now())
        try exchange()
        if isFailing, !recorder.hasFailed {
          changed(nil)
          isFailing = false
        }
        sleepUntilDue()
      } catch {
        if !isFailing { changed(error) }
        isFailing = true
        // What cannot be kept now the mirror gives again.
        try? exchange()
        _ = wake.wait(microseconds: RecorderThread.retryPeriod)
      }
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

  private func exchange() throws(RecorderError) {
    var entropy = SecureRandom()
    if let response = transport.takeResponse() {
      try recorder.receive(response, at: clock.now(), entropy: &entropy)
    }
    if transport.isFree, let request = recorder.nextRequest(at: clock.now()) {
      transport.submit(request)
    }
  }

  private func sleepUntilDue() {
    let next = recorder.nextStep(after: clock.now())
    let later = clock.microseconds()
    if next > later { _ = wake.wait(microseconds: Int64(next - later)) }
  }
}
