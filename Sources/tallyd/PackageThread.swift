import DirectoryUplink
import HostHAL
import Synchronization
import Uplink

/// The thread that writes packages and looks for acknowledgements: a stick may take seconds for either.
final class PackageThread: Sendable {
  private let requests: Mailbox<PackageRequest>
  private let answers: Mailbox<PackageAnswer>
  private let isUnderWay = Atomic<Bool>(false)

  /// Starts the thread. `wake` is its own, `answered` is woken when an answer is there.
  init(
    directory: PackageDirectory, wake: WakeHandle, answered: WakeHandle
  ) throws(ThreadError) {
    let requests = Mailbox<PackageRequest>(reader: wake)
    let answers = Mailbox<PackageAnswer>(reader: answered)
    self.requests = requests
    self.answers = answers
    // Never joined: the process ends when the recorder has settled, whatever a stick is doing. A package that is
    // not whole by then has another name.
    _ = try PosixThread(name: "packages") {
      var directory = directory
      while true {
        while let request = requests.take() { answers.put(directory.perform(request)) }
        _ = wake.wait(microseconds: -1)
      }
    }
  }

  /// A request can be submitted.
  var isFree: Bool { !isUnderWay.load(ordering: .acquiring) }

  /// Performs a request; only when `isFree`.
  func submit(_ request: PackageRequest) {
    isUnderWay.store(true, ordering: .releasing)
    requests.put(request)
  }

  /// The answer, once it is there.
  func takeAnswer() -> PackageAnswer? {
    guard let answer = answers.take() else { return nil }
    isUnderWay.store(false, ordering: .releasing)
    return answer
  }
}

/// The one way by which a log leaves: the network, or a directory.
enum WayOut: Sendable {
  /// To the mirror of this URL.
  case network(Transport, url: String)
  /// Into this directory.
  case directory(PackageThread, path: String)
}
