import HAL
import TransparencyLog

/// JSON text as it is built up; keys keep their order.
struct JSONText {
  private(set) var text = ""
  private var needsComma = false

  mutating func object(_ key: String? = nil, _ content: (inout JSONText) -> Void) {
    open(key, "{")
    content(&self)
    close("}")
  }

  mutating func array<Item>(
    _ key: String, _ items: [Item], _ content: (Item, inout JSONText) -> Void
  ) {
    open(key, "[")
    for item in items { object { content(item, &$0) } }
    close("]")
  }

  mutating func add(_ key: String, _ value: Int?) {
    start(key)
    text += value.map { String($0) } ?? "null"
  }

  mutating func add(_ key: String, _ value: String?) {
    start(key)
    text += value.map(JSONText.quoted) ?? "null"
  }

  mutating func add(_ key: String, _ value: Bool) {
    start(key)
    text += value ? "true" : "false"
  }

  mutating func add(_ key: String, _ values: [String]) {
    start(key)
    text += "[" + values.map(JSONText.quoted).joined(separator: ",") + "]"
  }

  mutating func add(_ value: GatewayStatus.Value) {
    add("quantity", value.quantity)
    add("value", value.value)
    add("unit", value.unit)
    add("reason", value.reason)
    add("status", value.status)
    add("utc", value.utc)
    add("age_ms", value.ageMilliseconds)
    add("rtt_us", value.roundTripMicroseconds)
  }

  private mutating func open(_ key: String?, _ bracket: String) {
    start(key)
    text += bracket
    needsComma = false
  }

  private mutating func close(_ bracket: String) {
    text += bracket
    needsComma = true
  }

  private mutating func start(_ key: String?) {
    if needsComma { text += "," }
    if let key { text += JSONText.quoted(key) + ":" }
    needsComma = true
  }

  /// A JSON string (RFC 8259 §7).
  static func quoted(_ value: String) -> String {
    var result = "\""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case let scalar where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

extension GatewayStatus {
  /// The status as one line of JSON, with the keys of the control socket; values are decimal strings.
  public var json: String {
    var json = JSONText()
    json.object {
      $0.add("now", now)
      $0.add("site", sitePath)
      $0.array("devices", devices) { device, json in
        json.add("number", device.number)
        json.add("label", device.label)
        json.add("label_zh", device.labelChinese)
        json.add("line", device.line)
        json.add("state", device.state?.key)
        json.add("address", device.address)
        json.array("values", device.values) { $1.add($0) }
      }
      $0.array("lines", lines) { line, json in
        json.add("name", line.name)
        json.add("device", line.device)
        json.add("utilisation_permille", line.utilisationPermille)
        json.add("open", line.isOpen)
        if let errors = line.errors {
          json.object("errors") {
            $0.add("parity", Int(errors.parity))
            $0.add("framing", Int(errors.framing))
            $0.add("overrun", Int(errors.overrun))
            $0.add("breaks", Int(errors.breaks))
          }
        } else {
          json.add("errors", nil as Int?)
        }
      }
      $0.object("log") {
        $0.add("origin", log.origin)
        $0.add("epoch", log.epoch)
        $0.add("size", log.size)
        $0.add("signed", log.signed)
        $0.add("packaged", log.packaged)
        $0.add("signed_at", log.signedAt)
        $0.add("acknowledged", log.acknowledged)
        $0.add("bytes", log.byteCount)
        $0.add("failed", log.hasFailed)
      }
      if let room {
        $0.object("room") {
          $0.add("bytes", room.byteCount)
          $0.add("limit", room.limit)
          $0.add("growth", room.growth)
          $0.add("minimum", room.minimum)
          $0.add("written", room.written)
        }
      }
      if let wear {
        $0.object("wear") {
          $0.add("years", wear.years)
          $0.add("commit", wear.commitMilliseconds)
          $0.add("planned", wear.planned)
          $0.add("planned_growth", wear.plannedGrowth)
          $0.add("endurance", wear.budget)
        }
      }
      $0.add("conditions", conditions)
      $0.object("clock") { $0.add("quality", clockQuality.map { Int($0) }) }
      $0.object("link") {
        $0.add("state", link?.key)
        $0.add("reason", linkReason)
        $0.add("live_refusal", liveRefusal)
      }
      $0.add("dropped", dropped)
      $0.add("fingerprint", fingerprint?.hex)
    }
    return json.text
  }
}
