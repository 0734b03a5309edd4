import HAL
import Metering
import Sampling

// The body of POST /api/live: the newest value of every point. Preliminary and unsigned: a screen may
// show it, a report may not use it.
//
//     {"origin":"…","values":[{"device":3,"label":"…","quantity":"…","value":"230.6","unit":"V",
//      "utc":1785000000000000,"status":0}, …]}
//
// "value" is a decimal as a string, or null with the poll's status.

extension Acquisition {
  /// The body of the next post of live values; points that were never polled are left out.
  public borrowing func liveReport() -> [UInt8] {
    var body: [UInt8] = []
    body.reserveCapacity(256 + 160 * writer.live.points.count)
    body.append("{\"origin\":")
    body.append(quoted: names.origin)
    body.append(",\"values\":[")
    var isFirst = true
    for index in 0..<writer.live.points.count {
      let value = writer.live.values[index]
      guard value.instant.mono != 0 else { continue }
      if !isFirst { body.append(",") }
      isFirst = false
      append(index, value, to: &body)
    }
    body.append("]}")
    return body
  }

  private borrowing func append(_ index: Int, _ value: LiveValue, to body: inout [UInt8]) {
    let point = writer.live.points[index]
    let name = names.devices[point.device]
    body.append("{\"device\":")
    body.append(decimal: UInt64(name.number))
    body.append(",\"label\":")
    body.append(quoted: name.label)
    body.append(",\"quantity\":\"")
    body.append(point.quantity.key)
    body.append("\",\"value\":")
    if value.noData == nil {
      let text = DecimalText(value.value)
      body.append("\"")
      for i in 0..<text.count { body.append(text.bytes[i]) }
      body.append("\"")
    } else {
      body.append("null")
    }
    body.append(",\"unit\":\"")
    body.append(point.unit.ucum)
    body.append("\",\"utc\":")
    body.append(decimal: value.instant.utc)
    body.append(",\"status\":")
    body.append(decimal: UInt64(value.status.rawValue))
    body.append("}")
  }
}

extension [UInt8] {
  mutating func append(_ text: StaticString) {
    self += UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
  }

  mutating func append(decimal value: UInt64) {
    var digits: [UInt8] = []
    var left = value
    repeat {
      digits.append(48 + UInt8(truncatingIfNeeded: left % 10))
      left /= 10
    } while left > 0
    self += digits.reversed()
  }

  /// A JSON string (RFC 8259 §7) of UTF-8 bytes.
  mutating func append(quoted text: [UInt8]) {
    append("\"")
    for byte in text {
      if byte == 0x22 || byte == 0x5C {
        append(0x5C)
        append(byte)
      } else if byte < 0x20 {
        append("\\u00")
        append(hexDigit(byte >> 4))
        append(hexDigit(byte & 15))
      } else {
        append(byte)
      }
    }
    append("\"")
  }

  private func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 48 + value : 87 + value }
}
