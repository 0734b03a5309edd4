import Metering

// A frame is the reply to a request if and only if it is valid, its address is matched by that of the
// request, and
//
//   to 11 (read)       C is 91 or B1 (more follows), DATA begins with the identifier asked for
//   to 12 (follow-up)  C is 92 or B2, DATA begins with the identifier and ends with the part number
//   to 13 (address)    C is 93, DATA is six bytes
//   refusal            C is the request's with D7 and D6 set, DATA is the error byte
//
// An echo has D7 = 0 and is therefore never a reply.

extension DLT645 {
  static func scan(request bytes: Span<UInt8>, received: Span<UInt8>) -> ReplyScan {
    guard let request = DLT645Request(parsing: bytes) else { return .incomplete }
    var i = 0
    while i < received.count {
      guard received[i] == 0x68 else {
        i &+= 1
        continue
      }
      switch frame(at: i, in: received) {
      case .none: i &+= 1
      case .unfinished:
        // Only what may become the reply is waited for; the frame of another is not.
        if mayAnswer(request, received, i) { return .incomplete }
        i &+= 1
      case .whole(let range):
        if let result = answer(to: request, received, range) { return result }
        i = range.upperBound
      }
    }
    return .incomplete
  }

  /// Nothing in the header that is there so far speaks against this frame.
  private static func mayAnswer(
    _ request: DLT645Request, _ received: Span<UInt8>, _ start: Int
  ) -> Bool {
    var i = 0
    while i < 6, start &+ 1 &+ i < received.count {
      let wanted = request.address.wireByte(i)
      if wanted != 0xAA, wanted != received[start &+ 1 &+ i] { return false }
      i &+= 1
    }
    guard start &+ 8 < received.count else { return true }
    let control = received[start &+ 8]
    return control & ~(abnormal | more) == request.function.rawValue | fromMeter
  }

  /// What a whole frame says to the request; `nil` where it is not for it.
  private static func answer(
    to request: DLT645Request, _ received: Span<UInt8>, _ range: Range<Int>
  ) -> ReplyScan? {
    let start = range.lowerBound
    guard mayAnswer(request, received, start) else { return nil }
    let control = received[start &+ 8]
    let dataCount = range.count &- overhead
    if control & abnormal != 0 {
      guard dataCount == 1 else { return nil }
      return .refused(range, code: received[start &+ 10] &- offset)
    }
    let hasMore = control & more != 0
    switch request.function {
    case .readAddress:
      return dataCount == 6 && !hasMore ? .accepted(range, more: false) : nil
    case .read:
      guard dataCount >= 4, identifier(received, frameAt: start) == request.identifier else {
        return nil
      }
    case .readFollowUp:
      guard dataCount >= 5, identifier(received, frameAt: start) == request.identifier,
        received[range.upperBound &- 3] &- offset == request.part
      else { return nil }
    }
    return .accepted(range, more: hasMore)
  }

  static func hasDamagedFrame(request: Span<UInt8>, received: Span<UInt8>) -> Bool {
    var strays = 0
    var i = 0
    while i < received.count {
      if case .whole(let range) = frame(at: i, in: received) {
        i = range.upperBound
        continue
      }
      if received[i] != 0xFE { strays &+= 1 }
      i &+= 1
    }
    return strays >= MeterProtocol.strayByteCountMin
  }
}
