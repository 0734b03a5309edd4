import HAL
import Metering
import Sampling
import TransparencyLog
import Uplink

// The answer to `["status"]` on the control socket: one deterministic CBOR map, keys in CBOR's order.
//
//     "log"      { "size", "bytes", "epoch", "failed", "origin", "signed",
//                  "packaged": entries in packages, null where a mirror is called,
//                  "signed_at", "acknowledged" }
//     "now"      utc µs
//     "link"     { "state": "unknown" / "up" / "down" / "refused",
//                  "reason": key of an Uplink.LinkFailure while down, of an Uplink.MirrorAlarm while
//                  refused, else null,
//                  "live_refusal": HTTP status with which live values are refused, else null }
//     "room"     { "bytes": taken by entries that cannot be given up, "limit": bytes that they may take,
//                  "growth": bytes a day / null, "minimum": entries below it were given up,
//                  "written": bytes a day that the medium takes, the zeros of new segments apart / null }
//     "wear"     null / { "years": that the medium must last / null, "commit": ms between group commits,
//                  "planned": bytes a day that the poll plan writes to the medium,
//                  "planned_growth": bytes a day by which it makes the log grow, before segments are sealed,
//                  "endurance": bytes that may be written to a new one, after write amplification / null }
//     "site"     path of the site file
//     "clock"    { "quality": word }
//     "lines"    [* { "name", "open", "device", "errors", "utilisation_permille" }]
//     "errors"   [parity, framing, overrun, breaks] as the driver counts them since the machine
//                started; null where it does not count, or the port is gone
//     "devices"  [* { "line", "label", "state", "number", "values": [* value], "address", "label_zh" }]
//     "dropped"  entries not queued since the start
//     "conditions"   [* key of a `StandingCondition`], the gravest first
//     "fingerprint"  of site and profiles in force (`SiteNames`): 32 bytes
//     value      { "utc", "unit", "clock", "value" / null, "age_ms", "reason", "rtt_us" / null,
//                  "status", "quantity" }
//
// "state" of a device is "good", "silent", "no-port" or "waiting"; "value" a decimal as text; "reason"
// the number of a NoData, 0 with a value.

extension Acquisition {
  /// Writes the status answer. When it does not fit, `writer.overflowed` is set.
  ///
  /// `errors` gives what the driver of a line counted; `nil` where it does not. `liveRefusal` is the
  /// HTTP status with which the collector refuses live values.
  public borrowing func writeStatus(
    at now: Instant, errors: (Int) -> UARTErrorCounters? = { _ in nil }, liveRefusal: UInt64? = nil,
    to writer: inout ByteWriter
  ) {
    writer.cbor(mapOf: 12)
    writeLog(to: &writer)
    writer.cbor(text: "now")
    writer.cbor(now.utc)
    writeLink(liveRefusal, to: &writer)
    writeRoom(to: &writer)
    writer.cbor(text: "site")
    writer.cbor(text: names.sitePath.span)
    writeWear(to: &writer)
    writer.cbor(text: "clock")
    writer.cbor(mapOf: 1)
    writer.cbor(text: "quality")
    writer.cbor(UInt64(now.quality.rawValue))
    writer.cbor(text: "lines")
    writer.cbor(arrayOf: names.lines.count)
    for line in 0..<names.lines.count { writeLine(line, errors(line), to: &writer) }
    writer.cbor(text: "devices")
    writer.cbor(arrayOf: names.devices.count)
    for device in 0..<names.devices.count { writeDevice(device, at: now, to: &writer) }
    writer.cbor(text: "dropped")
    writer.cbor(self.writer.droppedCount)
    writer.cbor(text: "conditions")
    let conditions = StandingCondition.allCases.filter { $0.holds(in: report) }
    writer.cbor(arrayOf: conditions.count)
    for condition in conditions { writer.cbor(text: condition.key) }
    writer.cbor(text: "fingerprint")
    writer.cbor(bytes: names.fingerprint.span)
  }

  private borrowing func writeLink(_ liveRefusal: UInt64?, to writer: inout ByteWriter) {
    writer.cbor(text: "link")
    writer.cbor(mapOf: 3)
    writer.cbor(text: "state")
    writer.cbor(text: report.linkState.key)
    writer.cbor(text: "reason")
    if let reason = linkReason() {
      writer.cbor(text: reason)
    } else {
      writer.cborNull()
    }
    writer.cbor(text: "live_refusal")
    writer.cbor(orNull: liveRefusal)
  }

  private borrowing func linkReason() -> StaticString? {
    switch report.linkState {
    case .down: return report.linkFailure?.key
    case .refused: return report.alarm?.key
    case .unknown, .up: return nil
    }
  }

  private borrowing func writeLog(to writer: inout ByteWriter) {
    writer.cbor(text: "log")
    writer.cbor(mapOf: 9)
    writer.cbor(text: "size")
    writer.cbor(report.committedSize)
    writer.cbor(text: "bytes")
    writer.cbor(report.byteCount)
    writer.cbor(text: "epoch")
    writer.cbor(UInt64(names.epoch))
    writer.cbor(text: "failed")
    writer.cbor(report.hasFailed)
    writer.cbor(text: "origin")
    writer.cbor(text: names.origin.span)
    writer.cbor(text: "signed")
    writer.cbor(report.signedSize)
    writer.cbor(text: "packaged")
    writer.cbor(orNull: report.packagedSize)
    writer.cbor(text: "signed_at")
    writer.cbor(report.signedAt)
    writer.cbor(text: "acknowledged")
    writer.cbor(report.acknowledgedSize)
  }

  private borrowing func writeRoom(to writer: inout ByteWriter) {
    let rates = report.bytesPerDay
    writer.cbor(text: "room")
    writer.cbor(mapOf: 5)
    writer.cbor(text: "bytes")
    writer.cbor(report.waitingByteCount)
    writer.cbor(text: "limit")
    writer.cbor(report.roomByteCount)
    writer.cbor(text: "growth")
    writer.cbor(orNull: rates?.appended)
    writer.cbor(text: "minimum")
    writer.cbor(report.minimumIndex)
    writer.cbor(text: "written")
    writer.cbor(orNull: rates?.written)
  }

  private borrowing func writeWear(to writer: inout ByteWriter) {
    writer.cbor(text: "wear")
    guard let medium = names.medium else {
      writer.cborNull()
      return
    }
    writer.cbor(mapOf: 5)
    writer.cbor(text: "years")
    writer.cbor(orNull: medium.years)
    writer.cbor(text: "commit")
    writer.cbor(medium.commitMilliseconds)
    writer.cbor(text: "planned")
    writer.cbor(medium.bytesPerDay)
    writer.cbor(text: "planned_growth")
    writer.cbor(medium.growthPerDay)
    writer.cbor(text: "endurance")
    writer.cbor(orNull: medium.budget)
  }

  private borrowing func writeLine(
    _ line: Int, _ errors: UARTErrorCounters?, to writer: inout ByteWriter
  ) {
    let name = names.lines[line]
    writer.cbor(mapOf: 5)
    writer.cbor(text: "name")
    writer.cbor(text: name.name.span)
    writer.cbor(text: "open")
    writer.cbor(sampler.isOpen(line: line))
    writer.cbor(text: "device")
    writer.cbor(text: name.device.span)
    writer.cbor(text: "errors")
    if let errors {
      writer.cbor(arrayOf: 4)
      writer.cbor(UInt64(errors.parity))
      writer.cbor(UInt64(errors.framing))
      writer.cbor(UInt64(errors.overrun))
      writer.cbor(UInt64(errors.breaks))
    } else {
      writer.cborNull()
    }
    writer.cbor(text: "utilisation_permille")
    writer.cbor(UInt64(utilisation[line]))
  }

  private borrowing func writeDevice(
    _ device: Int, at now: Instant, to writer: inout ByteWriter
  ) {
    let line = sampler.plan.devices[device].line
    let name = names.devices[device]
    var first = 0
    let points = self.writer.live.points
    while first < points.count, points[first].device != device { first += 1 }
    var end = first
    while end < points.count, points[end].device == device { end += 1 }
    writer.cbor(mapOf: 7)
    writer.cbor(text: "line")
    writer.cbor(UInt64(line))
    writer.cbor(text: "label")
    writer.cbor(text: name.label.span)
    writer.cbor(text: "state")
    writer.cbor(text: state(of: device, line: line, points: first..<end))
    writer.cbor(text: "number")
    writer.cbor(UInt64(name.number))
    writer.cbor(text: "values")
    writer.cbor(arrayOf: end - first)
    for point in first..<end { writeValue(point, at: now, to: &writer) }
    writer.cbor(text: "address")
    writer.cbor(text: name.address.span)
    writer.cbor(text: "label_zh")
    writer.cbor(text: name.labelChinese.span)
  }

  private borrowing func state(of device: Int, line: Int, points: Range<Int>) -> StaticString {
    if !sampler.isOpen(line: line) { return "no-port" }
    if sampler.isSilent(device: device) { return "silent" }
    for point in points where writer.live.values[point].instant.mono != 0 { return "good" }
    return "waiting"
  }

  private borrowing func writeValue(
    _ index: Int, at now: Instant, to writer: inout ByteWriter
  ) {
    let point = self.writer.live.points[index]
    let value = self.writer.live.values[index]
    writer.cbor(mapOf: 9)
    writer.cbor(text: "utc")
    writer.cbor(value.instant.utc)
    writer.cbor(text: "unit")
    writer.cbor(text: point.unit.ucum)
    writer.cbor(text: "clock")
    writer.cbor(UInt64(value.instant.quality.rawValue))
    writer.cbor(text: "value")
    if value.noData == nil {
      let text = DecimalText(value.value)
      writer.cbor(text: text.bytes.span.extracting(first: text.count))
    } else {
      writer.cborNull()
    }
    writer.cbor(text: "age_ms")
    let age = now.mono >= value.instant.mono ? now.mono - value.instant.mono : 0
    writer.cbor(value.instant.mono == 0 ? 0 : age / 1_000)
    writer.cbor(text: "reason")
    writer.cbor(UInt64(value.noData?.rawValue ?? 0))
    writer.cbor(text: "rtt_us")
    writer.cbor(orNull: value.roundTrip)
    writer.cbor(text: "status")
    writer.cbor(UInt64(value.status.rawValue))
    writer.cbor(text: "quantity")
    writer.cbor(text: point.quantity.key)
  }
}
