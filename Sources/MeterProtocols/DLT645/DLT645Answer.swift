import Metering

// An answer that does not fit one frame (DL/T 645-2007, 7.1.2 and 7.1.3):
//
//   first frame     C = B1   DATA = identifier, data
//   part n, n ≥ 1   C = B2   DATA = identifier, more of the data, n      (the last: C = 92)
//
// The answer is the data of the first frame and then that of the parts 1, 2, 3 …, each without its
// identifier and without its number. A value may begin in one frame and end in the next.
//
// A frame continues an answer if and only if it is a frame from a meter that is no refusal, with the
// function 12, address and identifier of the first frame, and the number that is due. What comes
// after a frame that does not is not taken, so that no value is ever put together from bytes that
// did not stand next to each other.
//
// Worked example: meter 000000000161 has 230.6, 231.2 and 229.9 V in its voltage block (0201FF00) and
// sends no more than three bytes of data in a frame:
//
//   68 61 01 00 00 00 00 68 B1 07 33 32 34 35 39 56 45 8C 16    06 23 12 and more
//   68 61 01 00 00 00 00 68 92 08 33 32 34 35 56 CC 55 34 45 16  23 99 22, part 1 and last
//
// The answer is 06 23 12 23 99 22: the second voltage, 12 23, lies in both frames.

/// An answer of DL/T 645-2007 in one frame or several, put together in memory that the owner lends.
///
/// Nothing that a meter sends makes it trap, and it never takes more memory: data that no
/// `ValueRule` can reach are left out.
public struct DLT645Answer: ~Copyable {
  /// Bytes of memory that an answer needs: the first frame up to its data, and as many bytes of data
  /// as a rule can reach.
  public static let byteCountMax = dataStart + 255 + 9

  /// How far an answer has come.
  public enum State: Sendable, BitwiseCopyable {
    /// No frame was taken yet.
    case empty
    /// The frames so far belong together, and the last one says that there is more.
    case unfinished
    /// All frames are there.
    case whole
    /// A frame did not continue the answer. The values before it can be read.
    case broken
  }

  /// How far this answer has come.
  public private(set) var state = State.empty

  /// The first byte of data in a frame, after the identifier.
  private static let dataStart = 14
  private let memory: UnsafeMutableBufferPointer<UInt8>
  private var count = 0
  private var partDue = 0

  /// An empty answer in `memory`, `byteCountMax` bytes that live as long as it and belong to it alone.
  public init(_ memory: UnsafeMutableBufferPointer<UInt8>) {
    precondition(memory.count >= Self.byteCountMax, "too little memory for an answer")
    self.memory = memory
  }

  /// A frame, as `scan` found it, is part of an answer of which more follows.
  public static func hasMore(_ frame: Span<UInt8>) -> Bool {
    guard frame.count > 8, frame[8] & DLT645.more != 0 else { return false }
    return dataEnd(frame, .read, part: 0) != nil || dataEnd(frame, .readFollowUp, part: nil) != nil
  }

  /// Takes the next frame; part 0, the first, begins a new answer whatever was there before.
  ///
  /// The checksum is not looked at again.
  public mutating func take(_ frame: Span<UInt8>, part: Int) {
    if part == 0 {
      count = 0
      partDue = 0
      state = .unfinished
    }
    let function = part == 0 ? DLT645.Function.read : .readFollowUp
    guard state == .unfinished, part == partDue,
      let end = Self.dataEnd(frame, function, part: part), part == 0 || isOfSameAnswer(frame)
    else {
      state = .broken
      return
    }
    var i = part == 0 ? 0 : Self.dataStart
    while i < end, count < Self.byteCountMax {
      memory[count] = frame[i]
      count &+= 1
      i &+= 1
    }
    partDue &+= 1
    state = frame[8] & DLT645.more != 0 ? .unfinished : .whole
  }

  /// Forgets everything.
  public mutating func clear() {
    count = 0
    state = .empty
  }

  /// Reads a value, from the frames that were taken so far; `malformed` where it lies beyond them.
  public func decode(_ rule: ValueRule) -> Result<Decimal, NoData> {
    guard count >= Self.dataStart else { return .failure(.malformed) }
    return rule.scaled(
      rule.decodeBCD(memory.span.extracting(0..<count), dataStart: Self.dataStart))
  }

  /// Where the data end in a frame of this kind; `nil` in any other.
  ///
  /// `part` is the number that a follow-up has to carry; `nil` allows each.
  private static func dataEnd(
    _ frame: Span<UInt8>, _ function: DLT645.Function, part: Int?
  ) -> Int? {
    let tail = function == .readFollowUp ? 3 : 2
    guard frame.count >= dataStart &+ tail, frame[0] == 0x68, frame[7] == 0x68,
      frame.count == Int(truncatingIfNeeded: frame[9]) &+ DLT645.overhead,
      frame[8] & ~DLT645.more == function.rawValue | DLT645.fromMeter
    else { return nil }
    let end = frame.count &- tail
    if function == .readFollowUp, let part {
      guard Int(truncatingIfNeeded: frame[end] &- DLT645.offset) == part else { return nil }
    }
    return end
  }

  /// The frame has the address and the identifier of the first one.
  private func isOfSameAnswer(_ frame: Span<UInt8>) -> Bool {
    var i = 1
    while i < Self.dataStart {
      // Control code and length are its own.
      if i != 8, i != 9, frame[i] != memory[i] { return false }
      i &+= 1
    }
    return true
  }
}
