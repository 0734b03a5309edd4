import Foundation
import HAL
import MeterProtocols
import Metering
import Testing

@testable import Catalog

/// Exchanges with a device, from `Captures/<profile>.hex`; *Adding a meter* has the grammar.
///
/// What is wrong with the file becomes a finding with its line, for whoever writes one by hand.
struct Capture {
  struct Frame: Equatable {
    var line: Int
    var bytes: [UInt8] = []
  }

  struct Exchange {
    var request: Frame
    var reply: Frame?
    var values: [(line: Int, text: String)] = []
  }

  /// What was found on a line, and what should stand there.
  struct Slip: Error, Equatable {
    var line: Int
    var found: String
    var expected: String
  }

  let file: String
  private(set) var address: [UInt8] = []
  private(set) var exchanges: [Exchange] = []
  private(set) var slips: [Slip] = []

  init(name: String, kind: MeterProtocol) throws {
    let path = "\(capturesPath)/\(name).hex"
    self.init(text: try String(contentsOfFile: path, encoding: .utf8), file: path, kind: kind)
  }

  init(text: String, file: String, kind: MeterProtocol) {
    self.file = file
    // Windows ends lines with CR LF, which is one character to Swift.
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    for (index, line) in lines.enumerated() where !line.hasPrefix("#") {
      let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
      guard let first = words.first else { continue }
      take(first, Array(words.dropFirst()), isIndented: line.first != first.first, kind, index + 1)
    }
    if address.isEmpty, !slips.contains(where: { $0.found.hasPrefix("address") }) {
      slip(1, "no 'address' line", "'address' before the first request, as in a site")
    }
    if exchanges.isEmpty { slip(1, "no exchange", "a 'request' line, then a 'reply' line") }
  }

  private mutating func slip(_ line: Int, _ found: String, _ expected: String) {
    slips.append(Slip(line: line, found: found, expected: expected))
  }

  private mutating func take(
    _ word: String, _ rest: [String], isIndented: Bool, _ kind: MeterProtocol, _ line: Int
  ) {
    if isIndented { return append(hex([word] + rest, line)) }
    switch word {
    case "address": takeAddress(rest, kind, line)
    case "request":
      exchanges.append(Exchange(request: Frame(line: line, bytes: hex(rest, line))))
    case "reply", "value":
      guard !exchanges.isEmpty else {
        return slip(line, "'\(word)' before any request", "a 'request' line above it")
      }
      let last = exchanges.count - 1
      if word == "reply" {
        exchanges[last].reply = Frame(line: line, bytes: hex(rest, line))
      } else if rest.count == 2 {
        exchanges[last].values.append((line, rest.joined(separator: " ")))
      } else {
        slip(
          line, (["value"] + rest).joined(separator: " "),
          "'value', a quantity and what comes out, such as 'value voltage-l1 230.6'")
      }
    default:
      slip(
        line, "'\(word)'",
        "'#', 'address', 'request', 'reply' or 'value'; hex that continues a line is indented")
    }
  }

  private mutating func takeAddress(_ words: [String], _ kind: MeterProtocol, _ line: Int) {
    let word = words.joined(separator: " ")
    let found: [UInt8]?
    let expected: String
    switch kind {
    case .modbusRTU:
      found = UInt8(word).map { [$0] }
      expected = "1 to 247"
    case .dlt645:
      found = word.utf8.count == 12 ? hexBytes(word) : nil
      expected = "the 12 digits of the meter's face"
    }
    address = found ?? []
    if found == nil { slip(line, "address '\(word)'", expected) }
  }

  /// Bytes of two digits each, with or without blanks between them.
  private mutating func hex(_ words: [String], _ line: Int) -> [UInt8] {
    if let bytes = hexBytes(words.joined()), !bytes.isEmpty { return bytes }
    let wrong = words.first { hexBytes($0) == nil }
    slip(line, wrong.map { "'\($0)'" } ?? "no bytes", "hex digits, two a byte, such as 01 03 0A")
    return []
  }

  /// What is indented goes on with the reply, or with the request while there is none.
  private mutating func append(_ bytes: [UInt8]) {
    guard let last = exchanges.indices.last else { return }
    if exchanges[last].reply == nil {
      exchanges[last].request.bytes += bytes
    } else {
      exchanges[last].reply?.bytes += bytes
    }
  }

  /// What is wrong with the file by itself, else what the profile does not read as it says.
  func slips(against profile: DeviceProfile) -> [Slip] {
    guard slips.isEmpty else { return slips }
    return exchanges.flatMap { slips(in: $0, against: profile) }
  }

  private func slips(in exchange: Exchange, against profile: DeviceProfile) -> [Slip] {
    let asked = exchange.request
    let known = profile.requests.map { ($0, $0.requestBytes(address: address)) }
    guard let (request, _) = known.first(where: { $0.1 == asked.bytes }) else {
      let list = known.map { "\n    request \(text($0.1))   (\($0.0.name))" }.joined()
      return [
        Slip(
          line: asked.line, found: "no request of \(profile.name): \(text(asked.bytes))",
          expected: "one of these:\(list)")
      ]
    }
    guard let reply = exchange.reply else {
      return [Slip(line: asked.line, found: "a request without a reply", expected: "'reply'")]
    }
    let scan = profile.meterProtocol.scan(request: asked.bytes.span, received: reply.bytes.span)
    guard scan == .accepted(0..<reply.bytes.count, more: false) else {
      return [
        Slip(
          line: reply.line, found: "no whole reply to this request (\(scan))",
          expected: expectation(of: reply.bytes, to: request, profile))
      ]
    }
    return slips(in: exchange.values, of: request, reply, profile)
  }

  private func expectation(
    of reply: [UInt8], to request: ProfileRequest, _ profile: DeviceProfile
  ) -> String {
    let length = LineLoad.replyByteCount(request, address: address)
    switch profile.meterProtocol {
    case .modbusRTU where reply.count == length:
      return "the checksum \(text(crc(Array(reply.dropLast(2)))))"
    case .modbusRTU:
      return "\(length) bytes (here are \(reply.count))"
    case .dlt645:
      return "\(length - 4) bytes and at most four FE before them (here are \(reply.count))"
    }
  }

  private func slips(
    in values: [(line: Int, text: String)], of request: ProfileRequest, _ reply: Frame,
    _ profile: DeviceProfile
  ) -> [Slip] {
    let read = request.points.map { point in
      switch point.rule.decode(frame: reply.bytes.span, protocol: profile.meterProtocol) {
      case .success(let value): "\(point.quantity.key) \(value.canonical)"
      case .failure(let reason): "\(point.quantity.key) \(reason)"
      }
    }
    var slips = zip(values, read).filter { $0.text != $1 }.map {
      Slip(line: $0.line, found: "value \($0.text)", expected: "value \($1), by the profile")
    }
    for missing in read.dropFirst(values.count) {
      slips.append(
        Slip(line: reply.line, found: "a value without a line", expected: "value \(missing)"))
    }
    for extra in values.dropFirst(read.count) {
      slips.append(
        Slip(line: extra.line, found: "value \(extra.text)", expected: "\(read.count) values"))
    }
    return slips
  }

  private func text(_ bytes: [UInt8]) -> String {
    bytes.map { String(format: "%02X", $0) }.joined(separator: " ")
  }

  /// The profile has these requests, accepts these replies, and reads these values from them.
  func expectRead(by profile: DeviceProfile) {
    for slip in slips(against: profile) {
      Issue.record("\(file):\(slip.line): \(slip.found)\n    expected: \(slip.expected)")
    }
  }
}

/// CRC-16 of Modbus over serial line V1.02, 6.2.2, bit by bit; low byte first.
func crc(_ bytes: [UInt8]) -> [UInt8] {
  var register: UInt16 = 0xFFFF
  for byte in bytes {
    register ^= UInt16(byte)
    for _ in 0..<8 {
      register = register & 1 == 1 ? register >> 1 ^ 0xA001 : register >> 1
    }
  }
  return [UInt8(register & 255), UInt8(register >> 8)]
}
