import HAL
import TransparencyLog

/// Runs of slots whose entries did not fit the queue, until there is room to say so.
///
/// Memory is made for two runs of each channel. While the queue is full the slots of a channel follow
/// one another, so one run is the rule; a clock that is set begins another.
struct UnloggedSlots: ~Copyable {
  /// Slots of one channel, by the index of its entry in the log.
  struct Run: BitwiseCopyable {
    var channel: UInt64
    var first: UInt64
    var last: UInt64
    var reason: EventEntry.ShedReason
  }

  private var runs: UnsafeMutableBufferPointer<Run>
  private var head = 0
  private var end = 0
  /// How many channels may still ask for their first run.
  private var channelCount: Int

  init(channelCount: Int) {
    self.channelCount = channelCount
    runs = .allocate(capacity: 2 * channelCount + 2)
  }

  deinit { runs.deallocate() }

  var isEmpty: Bool { head == end }

  /// The run that was noted first.
  var first: Run? { isEmpty ? nil : runs[head] }

  mutating func removeFirst() {
    precondition(!isEmpty, "no run is left")
    head &+= 1
    if isEmpty {
      head = 0
      end = 0
    }
  }

  /// Makes room for the channels of another plan beside what is noted of the one before. Allocates.
  mutating func grow(channelCount: Int) {
    let grown = UnsafeMutableBufferPointer<Run>.allocate(
      capacity: 2 * channelCount + 2 + (end - head))
    for i in head..<end { grown[i - head] = runs[i] }
    runs.deallocate()
    runs = grown
    end -= head
    head = 0
    self.channelCount = channelCount
  }

  /// Notes slots. They join the channel's last run if they touch it; a run of several reasons is one of
  /// `ringFull`. When the memory is used up they join it all the same, and it claims what lies between:
  /// a verifier takes a reading for a reading whatever a shed event says.
  mutating func note(
    channel: UInt64, first: UInt64, last: UInt64, reason: EventEntry.ShedReason
  ) {
    let mayBegin = hasRoom(leaving: channelCount)
    if let at = lastRun(of: channel) {
      let run = runs[at]
      let touches = first <= run.last &+ 1 && run.first <= last &+ 1
      if touches || !mayBegin {
        runs[at].first = first < run.first ? first : run.first
        runs[at].last = last > run.last ? last : run.last
        if run.reason != reason { runs[at].reason = .ringFull }
        return
      }
    }
    guard hasRoom(leaving: 0) else { return }
    runs[end] = Run(channel: channel, first: first, last: last, reason: reason)
    end &+= 1
  }

  private func lastRun(of channel: UInt64) -> Int? {
    var at = end
    while at > head {
      at &-= 1
      if runs[at].channel == channel { return at }
    }
    return nil
  }

  private mutating func hasRoom(leaving reserve: Int) -> Bool {
    if runs.count &- end > reserve { return true }
    guard head > 0 else { return false }
    var i = head
    while i < end {
      runs[i &- head] = runs[i]
      i &+= 1
    }
    end &-= head
    head = 0
    return runs.count &- end > reserve
  }
}
