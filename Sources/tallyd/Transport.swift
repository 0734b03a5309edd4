import HAL
import HostHAL
import MirrorUplink
import Synchronization
import Uplink

/// Hands one value at a time from one thread to another.
final class Mailbox<Value: Sendable>: Sendable {
  private let content = Mutex<Value?>(nil)
  private let reader: WakeHandle

  /// A mailbox whose reader is woken through `reader`.
  init(reader: WakeHandle) { self.reader = reader }

  /// Nothing is in it.
  var isEmpty: Bool { content.withLock { $0 == nil } }

  /// Leaves a value; traps when one is still there.
  func put(_ value: Value) {
    content.withLock {
      precondition($0 == nil, "the mailbox holds one value")
      $0 = value
    }
    reader.wake()
  }

  /// Takes the value, if there is one.
  func take() -> Value? {
    content.withLock {
      let value = $0
      $0 = nil
      return value
    }
  }
}

/// One thread that performs HTTP requests, one after the other; one for each uplink.
final class Transport: Sendable {
  private let requests: Mailbox<UplinkRequest>
  private let responses: Mailbox<UplinkResponse>
  private let wake: WakeHandle
  private let isUnderWay = Atomic<Bool>(false)

  /// Starts the thread. `wake` is its own, `answered` is woken when a response is there.
  init(
    name: String, configuration: HTTPTransportConfiguration, wake: WakeHandle,
    answered: WakeHandle
  ) throws(ThreadError) {
    self.wake = wake
    let requests = Mailbox<UplinkRequest>(reader: wake)
    let responses = Mailbox<UplinkResponse>(reader: answered)
    self.requests = requests
    self.responses = responses
    // Never joined: the process ends when the recorder has settled, whatever a peer is doing.
    _ = try PosixThread(name: name) {
      while true {
        do throws(HTTPFailure) {
          var transport = try HTTPTransport(configuration)
          while true {
            while let request = requests.take() { responses.put(transport.perform(request)) }
            _ = wake.wait(microseconds: -1)
          }
        } catch {
          // A request is answered all the same, or the uplink would wait for ever.
          _ = wake.wait(microseconds: -1)
          if requests.take() != nil { responses.put(.failed(error.linkFailure)) }
        }
      }
    }
  }

  /// A request can be submitted.
  var isFree: Bool { !isUnderWay.load(ordering: .acquiring) }

  /// Performs a request; only when `isFree`.
  func submit(_ request: UplinkRequest) {
    isUnderWay.store(true, ordering: .releasing)
    requests.put(request)
  }

  /// The answer, once it is there.
  func takeResponse() -> UplinkResponse? {
    guard let response = responses.take() else { return nil }
    isUnderWay.store(false, ordering: .releasing)
    return response
  }
}
