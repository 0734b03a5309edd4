/// The answer in a good reading is a whole frame, of the meter that was asked and of what it was asked for.
///
/// It has nothing in common with the codecs: noise that leaves a checksum right is no fault of the gateway, and what
/// makes one wrong must never be a value. Sources: Modbus over serial line V1.02, 2.5.1 (CRC) and 6.2; DL/T 645-2007,
/// 5.2 (frame) and 7.1.
enum AnswerChecker {
  /// What is wrong with an answer to a request; `nil` if nothing is.
  static func problem(of answer: ArraySlice<UInt8>, to request: [UInt8]) -> String? {
    // A DL/T 645 request has 0xFE in front, which wakes the meter, and then 0x68 twice, six digits apart. A Modbus request of
    // unit 0x68 that is as long does not occur: it would write registers.
    guard !isModbus(request) else { return ofModbus(answer, request) }
    return ofDLT645(Array(answer.drop { $0 == 0xFE }), Array(request.drop { $0 == 0xFE }))
  }

  /// Only the place on the line says which registers an answer to this request carries.
  static func isModbus(_ request: [UInt8]) -> Bool {
    request.count < 12 || request[0] != 0xFE && request[0] != 0x68
  }

  private static func ofModbus(_ frame: ArraySlice<UInt8>, _ request: [UInt8]) -> String? {
    let (first, end) = (frame.startIndex, frame.endIndex)
    guard frame.count >= 5, request.count >= 2 else { return "is too short" }
    guard crc(frame.dropLast(2)) == UInt16(frame[end - 1]) << 8 | UInt16(frame[end - 2]) else {
      return "has a wrong CRC"
    }
    guard frame[first] == request[0] else { return "is of unit \(frame[first])" }
    guard frame[first + 1] == request[1] else { return "has function \(frame[first + 1])" }
    // V1.1b3, 6.3 and 6.4: the number of bytes, two for each register that was asked for.
    guard request.count == 8, frame.count == 5 + 2 * Int(request[5]),
      Int(frame[first + 2]) == 2 * Int(request[5])
    else { return "is not as long as was asked for" }
    return nil
  }

  /// 5.2: 68 A0…A5 68 C L DATA CS 16, the checksum over all before it.
  private static func ofDLT645(_ frame: [UInt8], _ request: [UInt8]) -> String? {
    guard frame.count >= 12, frame[0] == 0x68, frame[7] == 0x68, frame[frame.count - 1] == 0x16,
      frame.count == 12 + Int(frame[9])
    else { return "is no frame" }
    guard frame.dropLast(2).reduce(0, &+) == frame[frame.count - 2] else {
      return "has a wrong checksum"
    }
    // AA stands for any two digits.
    for at in 1...6 where request[at] != 0xAA && request[at] != frame[at] {
      return "is of another address"
    }
    // 7.1: bit 7 is set by who answers, bit 6 by who refuses; 0x11 reads, 0x12 reads what follows.
    guard frame[8] & 0xC0 == 0x80, [0x11, 0x12].contains(frame[8] & 0x1F) else {
      return "has control \(frame[8])"
    }
    // 7.1.2: what is read stands in front of its value.
    guard request.count >= 14, frame.count >= 16, frame[10..<14] == request[10..<14] else {
      return "is of another quantity"
    }
    return nil
  }

  /// The polynomial 0xA001, a byte at a time.
  private static func crc(_ bytes: ArraySlice<UInt8>) -> UInt16 {
    var register: UInt16 = 0xFFFF
    for byte in bytes {
      register = register >> 8 ^ remainders[Int(UInt8(truncatingIfNeeded: register) ^ byte)]
    }
    return register
  }

  /// What each byte leaves of that polynomial, a bit at a time.
  private static let remainders: [UInt16] = (0..<256).map { byte in
    (0..<8).reduce(UInt16(byte)) { rest, _ in rest >> 1 ^ (rest & 1 == 1 ? 0xA001 : 0) }
  }
}
