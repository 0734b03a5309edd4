import Catalog
import Gateway
import HAL
import Metering
import Uplink

/// A status as lines of text that fit a terminal.
public struct StatusScreen {
  private let status: GatewayStatus
  private let language: Language
  private let columns: Int

  /// For a terminal of `columns`, at least 60 of them are used.
  public init(_ status: GatewayStatus, language: Language, columns: Int = 80) {
    self.status = status
    self.language = language
    self.columns = max(columns, 60)
  }

  /// All of it: the devices under their lines, then log, mirror and clock.
  public var lines: [String] {
    var result = [header]
    for (place, line) in status.lines.enumerated() {
      result += TextLayout.flow(wording(of: line), columns)
      if let errors = line.errors.flatMap(wording) { result += errors }
      for device in status.devices where device.line == place { result.append(wording(of: device)) }
    }
    result += logLines
    if let room = status.room { result += TextLayout.flow(wording(of: room), columns) }
    if let wear = status.wear {
      let wording = WearWording(wear: wear, written: status.room?.written)
      result += TextLayout.wrap(wording.text(language), columns)
    }
    for key in status.conditions { result += TextLayout.wrap(condition(key), columns) }
    if let reason = linkReason { result += TextLayout.wrap(reason, columns) }
    if let refusal = status.liveRefusal {
      result += TextLayout.wrap(LiveRefusal(status: refusal).text(language), columns)
    }
    return result
  }

  /// The log in one line, for a run that is not watched on a terminal.
  public var summary: String {
    let log = status.log
    let answering = status.devices.filter { $0.state == .answering }.count
    return [
      "\(word(.log)) \(log.size) \(word(.entries))", "\(log.signed) \(word(.signed))",
      "\(log.acknowledged) \(word(.acknowledged))", "\(word(waiting)) \(log.backlog)",
      "\(answering)/\(status.devices.count) \(word(.devicesAnswer))",
    ].joined(separator: ", ")
  }

  /// One device in one line.
  public func wording(of device: GatewayStatus.Device) -> String {
    var cells = [device.state.map { $0.text(language) } ?? ""]
    if let main = device.mainValue, main.wasRead {
      cells += [
        [main.value ?? "–", StatusScreen.unit(main.unit)].joined(separator: " "),
        age(main.ageMilliseconds), main.status.map { ReadingQuality($0).text(language) } ?? "",
        roundTrip(main.roundTripMicroseconds),
      ]
    } else {
      cells += ["–", "", "", ""]
    }
    return row(device.label(language), cells)
  }

  // MARK: rows

  /// Widths of state, value, age, quality and round trip; what is left is the name's. A terminal that has not the room
  /// for all of them goes without the last.
  private var widths: [Int] { columns < 72 ? [9, 19, 7, 9] : [9, 19, 7, 9, 9] }

  private var header: String {
    row(
      word(.device),
      [word(.state), word(.value), word(.age), word(.quality), word(.roundTrip)])
  }

  private func row(_ name: String, _ cells: [String]) -> String {
    let widths = widths
    var text = ""
    for (place, width) in widths.enumerated() {
      let isNumber = place == 1 || place == 2 || place == 4
      // Half a number is a wrong number: one that is too long takes from the name.
      let needed = isNumber ? max(width, TextLayout.width(cells[place])) : width
      text += " " + TextLayout.fit(cells[place], needed, right: isNumber)
    }
    let room = columns - 2 - TextLayout.width(text)
    return "  " + TextLayout.fit(name, min(max(room, 4), 36)) + text
  }

  private func wording(of line: GatewayStatus.Line) -> [String] {
    // A line that is called "line-a" is a line by its name already.
    let isNamedSo = line.name.hasPrefix(word(.line))
    var parts = [isNamedSo ? line.name : "\(word(.line)) \(line.name)"]
    parts.append(word(line.isOpen ? .open : .portLost))
    if let permille = line.utilisationPermille {
      parts.append("\(tenthsText(permille)) % \(word(.use))")
    }
    if let device = line.device { parts.append(device) }
    return parts
  }

  /// Characters that the line spoilt since the machine started; `nil` if there is none.
  private func wording(of errors: UARTErrorCounters) -> [String]? {
    let counts: [(StatusWord, UInt32)] = [
      (.framing, errors.framing), (.parity, errors.parity), (.overrun, errors.overrun),
      (.breaks, errors.breaks),
    ]
    let parts = counts.filter { $0.1 > 0 }.map { "\(word($0.0)) \($0.1)" }
    guard let first = parts.first else { return nil }
    return TextLayout.flow(["\(word(.errors)) \(first)"] + parts.dropFirst(), columns - 2)
      .map { "  \($0)" }
  }

  private var logLines: [String] {
    let log = status.log
    var sizes = [
      "\(word(.log)) \(TextLayout.grouped(log.size)) \(word(.entries))",
      "\(word(.signed)) \(TextLayout.grouped(log.signed))",
    ]
    if let packaged = log.packaged {
      sizes.append("\(word(.packaged)) \(TextLayout.grouped(packaged))")
    }
    sizes += [
      "\(word(.acknowledged)) \(TextLayout.grouped(log.acknowledged))",
      "\(word(waiting)) \(TextLayout.grouped(log.backlog))",
    ]
    var rest: [String] = []
    if let link = status.link { rest.append("\(word(wayOut)) \(link.text(language))") }
    if let quality = status.clockQuality {
      let wording = ClockWording(quality: ClockQuality(rawValue: quality))
      rest.append("\(word(.clock)) \(wording.text(language))")
    }
    if let bytes = log.byteCount { rest.append("\(word(.journal)) \(bytes / 1024) KiB") }
    if let dropped = status.dropped, dropped > 0 { rest.append("\(word(.lost)) \(dropped)") }
    // First, where it is seen.
    if log.hasFailed { rest.insert(word(.failed), at: 0) }
    return TextLayout.flow(sizes, columns) + TextLayout.flow(rest, columns)
  }

  /// What the log leaves by.
  private var wayOut: StatusWord { status.log.packaged == nil ? .mirror : .packages }

  /// What the mirror has not acknowledged: where nothing may call out it may be in packages all the same.
  private var waiting: StatusWord { status.log.packaged == nil ? .backlog : .unacknowledged }

  /// What the days tell that the room lasts for.
  private var lasts: StatusWord { status.log.packaged == nil ? .offline : .unfilled }
  private var lastsAtLeast: StatusWord {
    status.log.packaged == nil ? .offlineAtLeast : .unfilledAtLeast
  }

  /// How long the gateway can be offline, how much of its room is taken, and what its medium bears.
  private func wording(of room: GatewayStatus.Room) -> [String] {
    let share = room.limit > 0 ? min(room.byteCount / (room.limit / 1_000 + 1), 1_000) : 1_000
    var parts = ["\(word(.room)) \(tenthsText(share)) %"]
    // What is polled now is lost, or nothing is.
    let isNow =
      status.log.hasFailed || status.conditions.contains("\(StandingCondition.eventsOnly.key)")
    if let days = isNow ? 0 : room.offlineTenths {
      parts.append("\(word(lasts)) \(StatusScreen.days(days)) \(word(.days))")
    } else if let days = status.wear.flatMap({ room.offlineTenths(growth: $0.plannedGrowth) }) {
      let known = "\(word(lastsAtLeast)) \(StatusScreen.days(days)) \(word(.days))"
      parts.append("\(known)\(language == .chinese ? "" : " ")\(word(.notYetMeasured))")
    } else {
      parts.append("\(word(lasts)) \(word(.notYetKnown))")
    }
    if let written = room.written {
      parts.append("\(word(.written)) \(written >> 20) MiB/\(word(.day))")
    }
    return parts
  }

  private static func days(_ tenths: Int) -> String {
    tenths < 10_000 ? tenthsText(tenths) : ">1000"
  }

  /// A condition in words; one that this version does not know by its key.
  private func condition(_ key: String) -> String {
    guard let known = StandingCondition.allCases.first(where: { "\($0.key)" == key }) else {
      return key
    }
    let isOneWay = status.log.packaged != nil
    return language == .chinese
      ? known.chinese(isOneWay: isOneWay) : known.english(isOneWay: isOneWay)
  }

  /// Why the mirror is not reached, or what it finds wrong, and what to do; `nil` when all is well.
  private var linkReason: String? {
    guard let key = status.linkReason else { return nil }
    let isChinese = language == .chinese
    let failures = LinkFailure.allCases.map { ($0.key, isChinese ? $0.chinese : $0.english) }
    let alarms = MirrorAlarm.allCases.map { ($0.key, isChinese ? $0.chinese : $0.english) }
    guard let known = (failures + alarms).first(where: { "\($0.0)" == key }) else { return key }
    return "\(word(wayOut))\(isChinese ? "：" : ": ")\(known.1)"
  }

  // MARK: words

  private func word(_ word: StatusWord) -> String { word.text(language) }

  private func age(_ milliseconds: Int?) -> String {
    guard let milliseconds else { return "" }
    switch milliseconds / 1000 {
    case ..<120: return "\(tenthsText(milliseconds / 100)) s"
    case ..<7200: return "\(milliseconds / 60_000) min"
    default: return "\(milliseconds / 3_600_000) h"
    }
  }

  private func roundTrip(_ microseconds: Int?) -> String {
    microseconds.map { "\(tenthsText($0 / 100)) ms" } ?? ""
  }

  /// UCUM codes as people write the units.
  static func unit(_ code: String?) -> String {
    guard let code else { return "" }
    // A code that this version does not know is shown as it came.
    return MeasurementUnit(ucum: code)?.symbol.description ?? code
  }
}

extension DeviceState {
  /// The word in a language.
  public func text(_ language: Language) -> String { language == .chinese ? chinese : english }
}

extension LinkState {
  /// The word in a language.
  public func text(_ language: Language) -> String { language == .chinese ? chinese : english }
}
