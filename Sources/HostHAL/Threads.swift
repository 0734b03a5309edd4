import CLinux

/// Wakes a `PollLoop` from another thread or from a signal (an eventfd).
///
/// Waking twice before the loop looks is one wake-up.
public final class WakeHandle: Sendable {
  /// Readable while woken.
  public let descriptor: Int32

  /// Makes a handle; fails when the process has no descriptor left.
  public init() throws(FileError) {
    let opened = clinux_event_open()
    guard opened >= 0 else { throw FileError(-opened, .open, "eventfd") }
    descriptor = opened
  }

  deinit { _ = clinux_close(descriptor) }

  /// Wakes. Any thread may call it; it never blocks or allocates.
  public func wake() { clinux_event_set(descriptor) }

  /// Takes the wake-up; the waiting side calls it before it looks at what it was woken for.
  public func clear() { clinux_event_clear(descriptor) }

  /// Waits until woken, and takes the wake-up, or until `microseconds` have passed; `true` if woken.
  public func wait(microseconds: Int64) -> Bool {
    var entry = clinux_pollfd(fd: descriptor, events: Int16(CLINUX_POLL_IN), revents: 0)
    let woken = clinux_poll(&entry, 1, microseconds) > 0
    if woken { clear() }
    return woken
  }
}

/// Starting a thread failed: the process has too many, or too little memory for the stack.
public struct ThreadError: Error, Equatable, Sendable {
  /// The errno.
  public var errno: Int32
}

/// A thread with a stack of known size. Signals are blocked in it: they go to the main thread.
public struct PosixThread: ~Copyable {
  private let thread: UInt64

  private final class Start {
    let body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }
  }

  /// Runs `body` on a new thread.
  ///
  /// - Parameters:
  ///   - name: shown by ps and gdb; the kernel keeps 15 bytes.
  ///   - stackByteCount: at least 16 KiB; 256 KiB unless said otherwise.
  public init(
    name: String, stackByteCount: Int = 256 << 10, _ body: sending @escaping () -> Void
  ) throws(ThreadError) {
    precondition(stackByteCount >= 16 << 10, "a stack has at least 16 KiB")
    let start = Unmanaged.passRetained(Start(body))
    var made: UInt64 = 0
    let result = clinux_thread_start(
      stackByteCount, String(name.prefix(15)),
      { context in
        if let context { Unmanaged<Start>.fromOpaque(context).takeRetainedValue().body() }
        return nil
      }, start.toOpaque(), &made)
    guard result >= 0 else {
      start.release()
      throw ThreadError(errno: -result)
    }
    thread = made
  }

  /// Waits until the thread ends.
  public consuming func join() {
    let thread = thread
    discard self
    _ = clinux_thread_join(thread)
  }

  // A thread that nobody joins runs on and frees its memory when it ends.
  deinit { _ = clinux_thread_detach(thread) }
}

/// Signals that arrived, since last asked.
public struct SignalSet: Equatable, Sendable {
  /// The bits of CLinux.
  var bits: UInt32

  /// No signal.
  public static let none = SignalSet(bits: 0)

  /// SIGTERM or SIGINT: end in good order.
  public var wantsEnd: Bool {
    bits & UInt32(CLINUX_SIGNAL_TERMINATE | CLINUX_SIGNAL_INTERRUPT) != 0
  }
  /// SIGHUP: load the configuration anew.
  public var wantsReload: Bool { bits & UInt32(CLINUX_SIGNAL_HANGUP) != 0 }
  /// SIGWINCH: the terminal has another size.
  public var windowChanged: Bool { bits & UInt32(CLINUX_SIGNAL_WINDOW) != 0 }
}

/// Turns signals into flags and a wake-up. One per process.
public enum Signals {
  /// From now on SIGTERM, SIGINT and SIGHUP are remembered and wake `handle`, which must live as long
  /// as the process; SIGPIPE is ignored. With `supervising`, SIGCHLD and SIGWINCH as well.
  public static func watch(waking handle: WakeHandle, supervising: Bool = false) {
    var set = CLINUX_SIGNAL_TERMINATE | CLINUX_SIGNAL_INTERRUPT | CLINUX_SIGNAL_HANGUP
    if supervising { set |= CLINUX_SIGNAL_CHILD | CLINUX_SIGNAL_WINDOW }
    _ = clinux_signals_watch(UInt32(set), handle.descriptor)
  }

  /// What came since the last call, and forgets it.
  public static func take() -> SignalSet { SignalSet(bits: clinux_signals_take()) }
}
