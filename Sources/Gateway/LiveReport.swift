import HAL
import Metering
import Sampling
import TransparencyLog
import Uplink

// The body of POST /api/live: the newest value of each point that has changed since the last post that was taken.
// Preliminary and unsigned: a screen may show it, a report may not use it.
//
//     {"origin":"…","session":7,"change":4711,"values":[{"device":3,"label":"…","quantity":"…","value":"230.6","unit":"V",
//      "utc":1785000000000000,"status":0}, …]}
//
// "value" is a decimal as a string, or null with the poll's status. "session" is a number that each start of the agent
// draws, and "change" counts the changes of values since then: of two posts of one session the one with fewer was
// made earlier, whenever it comes.

extension Acquisition {
  /// How often values have changed.
  public var liveChanges: UInt64 { writer.live.changeCount }

  /// The body of the next post of live values: those that changed after change number `last`, 0 for all that
  /// were ever polled. `session` tells this run of the agent from others.
  public borrowing func liveReport(after last: UInt64 = 0, session: UInt64) -> [UInt8] {
    var body: [UInt8] = []
    var count = 0
    for index in 0..<writer.live.points.count where writer.live.values[index].change > last {
      count += 1
    }
    body.reserveCapacity(256 + 160 * count)
    body.append("{\"origin\":")
    body.append(quoted: names.origin)
    body.append(",\"session\":")
    body.append(decimal: session)
    body.append(",\"change\":")
    body.append(decimal: writer.live.changeCount)
    body.append(",\"values\":[")
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: LiveTexts.valueByteCountMax) { memory in
      var isFirst = true
      for index in 0..<writer.live.points.count {
        let value = writer.live.values[index]
        guard value.change > last else { continue }
        let point = writer.live.points[index]
        if !isFirst { body.append(0x2C) }
        isFirst = false
        body += liveTexts.heads[point.device]
        var text = ByteWriter(memory)
        LiveTexts.write(point, value, to: &text)
        body += text.written
      }
    }
    body.append("]}")
    return body
  }
}

/// The texts of live values.
struct LiveTexts: Sendable {
  /// A value behind what names its device: keys and units have at most 64 characters, a number 20, and there are 51 around
  /// them.
  static var valueByteCountMax: Int { 2 * 64 + DecimalText.capacity + 2 * 20 + 64 }

  /// What each value of a device begins with, in the order of the plan: it is the same for years.
  let heads: [[UInt8]]

  /// The texts for a site.
  init(_ names: SiteNames) {
    heads = names.devices.map { device in
      var head: [UInt8] = []
      head.append("{\"device\":")
      head.append(decimal: UInt64(device.number))
      head.append(",\"label\":")
      head.append(quoted: device.label)
      head.append(",\"quantity\":\"")
      return head
    }
  }

  /// Writes what comes behind the head.
  static func write(_ point: LivePoint, _ value: LiveValue, to text: inout ByteWriter) {
    text.append(point.quantity.key)
    text.append("\",\"value\":")
    if value.noData == nil {
      let number = DecimalText(value.value)
      text.append("\"")
      text.append(number.bytes.span.extracting(0..<number.count))
      text.append("\"")
    } else {
      text.append("null")
    }
    text.append(",\"unit\":\"")
    text.append(point.unit.ucum)
    text.append("\",\"utc\":")
    UnsignedText.write(value.instant.utc, to: &text)
    text.append(",\"status\":")
    UnsignedText.write(UInt64(value.status.rawValue), to: &text)
    text.append("}")
    precondition(!text.overflowed, "a live value is longer than its limit")
  }
}

extension [UInt8] {
  /// A JSON string (RFC 8259 §7) of UTF-8 bytes.
  mutating func append(quoted text: [UInt8]) {
    append("\"")
    // What stands for itself is appended in one piece.
    var done = 0
    for i in 0..<text.count {
      let byte = text[i]
      guard byte < 0x20 || byte == 0x22 || byte == 0x5C else { continue }
      self += text[done..<i]
      done = i + 1
      if byte >= 0x20 {
        append(0x5C)
        append(byte)
      } else {
        append("\\u00")
        append(hexDigit(byte >> 4))
        append(hexDigit(byte & 15))
      }
    }
    self += text[done...]
    append("\"")
  }

  private func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 48 + value : 87 + value }
}
