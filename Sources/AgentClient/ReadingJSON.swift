import Catalog
import Gateway
import MeterProtocols
import Metering

extension GatewayStatus {
  /// The newest values of one device as one line of JSON.
  public func json(of device: Device) -> String {
    var json = JSONText()
    json.object {
      $0.add("live", false)
      $0.add("number", device.number)
      $0.add("label", device.label)
      $0.add("label_zh", device.labelChinese)
      $0.add("address", device.address)
      $0.add("line", lineName(of: device))
      $0.add("state", device.state?.key)
      $0.array("values", device.values) { $1.add($0) }
    }
    return json.text
  }
}

extension LiveReading {
  /// The reading as one line of JSON; values are decimal strings, bytes hexadecimal.
  public var json: String {
    var json = JSONText()
    json.object {
      $0.add("live", true)
      $0.add("number", device.number)
      $0.add("label", device.label.english)
      $0.add("label_zh", device.label.chinese)
      $0.add("address", device.addressText)
      $0.add("line", line.name)
      $0.array("requests", exchanges) { exchange, json in
        json.add("name", exchange.name)
        json.add("status", Int(exchange.status.rawValue))
        json.add("refusal", exchange.refusalCode.map { Int($0) })
        json.add("refused", (exchange.refusal?.refusal).map { Int($0.rawValue) })
        json.array("frames", exchange.frames) { frame, json in
          json.add("rtt_us", frame.answer.roundTripMicroseconds)
          json.add("request", TextLayout.hex(frame.request))
          json.add("answer", TextLayout.hex(frame.answer.raw))
        }
        json.array("values", exchange.values) { value, json in
          json.add("quantity", value.point.quantity.key.description)
          switch value.result {
          case .success(let number):
            json.add("value", number.description)
            json.add("unit", value.point.unit.ucum.description)
            json.add("reason", 0)
          case .failure(let reason):
            json.add("value", String?.none)
            json.add("unit", value.point.unit.ucum.description)
            json.add("reason", Int(reason.rawValue))
          }
        }
      }
    }
    return json.text
  }
}
