import HAL
import MeterProtocols

@testable import Simulator

/// Bytes of hexadecimal text.
func bytes(_ hex: String) -> [UInt8] {
  let digits = hex.filter { !$0.isWhitespace }.compactMap(\.hexDigitValue)
  return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

/// Hexadecimal text of bytes.
func hex(_ bytes: [UInt8]) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }.joined()
}

let quiet = Noise(seed: 0, channel: 0)

/// A value that never changes.
func fixed(_ value: Double) -> Signal { Signal(source: .constant(value), noise: quiet) }

/// A counter of the plant that shows `offset` at plant time 0.
func counter(_ variable: PlantVariable, scale: Double = 1, offset: Double) -> Signal {
  Signal(source: .variable(variable), scale: scale, offset: offset, noise: quiet)
}

func moment(_ time: UInt64 = 0) -> PlantMoment { PlantMoment(plant: plant, time: time) }

extension SimulatedLine {
  /// Lets time pass in steps to every deadline until `end`; what came out, with its times.
  mutating func listen(until end: UInt64) -> [(time: UInt64, byte: UInt8)] {
    var heard: [(UInt64, UInt8)] = []
    while let wake = wakeAt, wake <= end {
      heard += advance(to: wake, values: { moment($0) }).map { (wake, $0) }
    }
    return heard
  }

  /// Sends a request at `now` and returns the bytes that come within two seconds.
  mutating func ask(_ request: [UInt8], at now: UInt64 = 0) -> [UInt8] {
    receive(request, at: now)
    return listen(until: now + 2_000_000).map(\.byte)
  }
}

/// Address, function and data with their CRC-16, computed here bit by bit.
func rtu(_ body: String) -> [UInt8] {
  var crc: UInt16 = 0xFFFF
  for byte in bytes(body) {
    crc ^= UInt16(byte)
    for _ in 0..<8 { crc = crc & 1 == 1 ? (crc >> 1) ^ 0xA001 : crc >> 1 }
  }
  return bytes(body) + [UInt8(crc & 0xFF), UInt8(crc >> 8)]
}

/// The CRC at the end of a frame is good.
func isWholeRTU(_ frame: [UInt8]) -> Bool {
  frame.count >= 4 && rtu(hex(Array(frame.dropLast(2)))) == frame
}

/// A DL/T 645 frame without preamble; address and data as they stand on the wire, data before +33H.
func dlt645Frame(_ control: UInt8, _ data: String, address: String) -> [UInt8] {
  let data = bytes(data)
  let head = [0x68] + bytes(address) + [0x68, control, UInt8(data.count)]
  let body = head + data.map { $0 &+ 0x33 }
  return body + [body.reduce(0, &+), 0x16]
}

/// A whole DL/T 645 frame, preamble allowed.
func isWholeDLT645(_ frame: [UInt8]) -> Bool {
  let bare = Array(frame.drop { $0 == 0xFE })
  return bare.count >= 12 && bare.count == 12 + Int(bare[9]) && bare.last == 0x16
    && bare.dropLast(2).reduce(0, &+) == bare[bare.count - 2]
}
