import CLinux

/// What to wait for on a descriptor. A hang-up is always reported.
public struct PollInterest: Equatable, Sendable {
  let events: Int16

  /// Bytes have arrived, or a connection, or the end.
  public static let read = PollInterest(events: Int16(CLINUX_POLL_IN))
  /// Bytes would be taken.
  public static let write = PollInterest(events: Int16(CLINUX_POLL_OUT))
  /// Either.
  public static let readWrite = PollInterest(events: Int16(CLINUX_POLL_IN | CLINUX_POLL_OUT))
  /// The hang-up alone.
  public static let hangUp = PollInterest(events: 0)
}

/// What a descriptor is ready for.
public struct Readiness: Equatable, Sendable {
  let events: Int16

  /// A read would not block. Together with `isLost` on a pipe or socket: read the rest first.
  public var isReadable: Bool { events & Int16(CLINUX_POLL_IN) != 0 }
  /// A write would not block.
  public var isWritable: Bool { events & Int16(CLINUX_POLL_OUT) != 0 }
  /// The other side hung up, the device is gone, or the descriptor is bad.
  public var isLost: Bool { events & Int16(CLINUX_POLL_LOST) != 0 }
  /// Something of it.
  public var isAny: Bool { events != 0 }

  /// Nothing.
  public static let none = Readiness(events: 0)
}

/// Waits on several descriptors at once with poll(2).
///
/// A turn is: `begin()`, one `watch` for each descriptor of interest, `wait`, then `readiness` of each
/// place that `watch` gave. Naming the descriptors anew each turn costs a few stores and makes it
/// impossible to wait on one that was closed. Nothing allocates after `init`.
public struct PollLoop: ~Copyable {
  private let list: UnsafeMutableBufferPointer<clinux_pollfd>
  private var count = 0

  /// Room for `capacity` descriptors.
  public init(capacity: Int) {
    precondition(capacity > 0, "a loop waits for something")
    list = .allocate(capacity: capacity)
    list.initialize(repeating: clinux_pollfd(fd: -1, events: 0, revents: 0))
  }

  deinit { list.deallocate() }

  /// Starts a turn: forgets what was watched.
  public mutating func begin() { count = 0 }

  /// Watches `descriptor` in this turn and returns its place; traps when the loop is full.
  public mutating func watch(_ descriptor: Int32, _ interest: PollInterest) -> Int {
    precondition(count < list.count, "PollLoop capacity exceeded")
    list[count] = clinux_pollfd(fd: descriptor, events: interest.events, revents: 0)
    count += 1
    return count - 1
  }

  /// Waits until something is ready, a signal arrives or `CLOCK_BOOTTIME` reaches `deadline`, in µs;
  /// `nil` has no deadline, one in the past only looks. Returns how many descriptors are ready.
  public mutating func wait(until deadline: UInt64?) -> Int {
    var timeout: Int64 = -1
    if let deadline {
      let now = clinux_boot_us()
      timeout = deadline <= now ? 0 : Int64(clamping: deadline - now)
    }
    return Int(max(clinux_poll(list.baseAddress, UInt32(count), timeout), 0))
  }

  /// What the descriptor at `place` is ready for, after `wait`.
  public func readiness(_ place: Int) -> Readiness {
    precondition(place >= 0 && place < count, "not watched in this turn")
    return Readiness(events: list[place].revents)
  }
}
