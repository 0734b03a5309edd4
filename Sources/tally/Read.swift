import AgentClient
import ArgumentParser
import Catalog
import CommandLineFrame
import HAL
import HostHAL
import MeterProtocols
import Metering

/// `tally read`: the values of one device, as the agent has them or from the meter now.
struct ReadCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "read",
    abstract: "Show the values of one device; --live asks the meter now. 读取一台设备的数值。",
    discussion: """
      DEVICE is a label (English or Chinese), a number or an address as tally status --json shows them. \
      With --live the agent lends its line between two polls, and logs it.

      Ends with 0 when every value is there, with 1 when one is not, and with 2 when no agent answers \
      or the device is not known.

      设备可用名称（中文或英文）、编号或地址指明。使用 --live 时网关在两次采集之间让出线路，并记入日志。退出码：0 数值齐全，1 有缺失，2 网关无应答或设备未知。
      """)

  @Argument(help: "Label, number or address of the device. 设备的名称、编号或地址。") var device: String
  @Flag(help: "Ask the meter now, all requests of its profile. 立即向仪表询问设备档案中的全部请求。") var live = false
  @Flag(
    help: """
      Also print request and answer in hexadecimal; with --live. \
      同时以十六进制显示请求与应答；与 --live 同用。
      """)
  var raw = false
  @Flag(help: "One line of JSON instead of text. 输出一行 JSON。") var json = false
  @Option(help: "The agent's data directory. 数据目录。") var data = "/var/lib/tallystick"
  @Option(
    help: """
      The site file; else the one that the agent runs. \
      站点文件，未给出时取网关正在运行的站点。
      """)
  var site: String?
  @Option(
    help: """
      The directory that holds profiles/ and boards/. \
      含 profiles/ 和 boards/ 的目录。
      """)
  var share: String?
  @OptionGroup var texts: LanguageOption

  func validate() throws {
    if raw, !live { throw ValidationError(ReadText.rawAlone.text(texts.language)) }
  }

  func run() throws {
    let language = texts.language
    let isGood: Bool
    do throws(ReadingFailure) {
      isGood = try read(language)
    } catch {
      writeStandardError("tally: \(error.text(language))\n")
      throw ExitCode(error.code)
    }
    if !isGood { throw ExitCode(1) }
  }

  private func read(_ language: Language) throws(ReadingFailure) -> Bool {
    let status: GatewayStatus
    do throws(AgentError) { status = try GatewayStatus.read(fromDataDirectory: data) } catch {
      throw .agent(error)
    }
    let chosen = try DeviceChoice(device, in: status, language).device
    return live ? try readLive(chosen, status, language) : show(chosen, status, language)
  }

  // MARK: what the agent has

  private func show(
    _ device: GatewayStatus.Device, _ status: GatewayStatus, _ language: Language
  ) -> Bool {
    if json {
      writeStandardOutput(status.json(of: device) + "\n")
    } else {
      var page = ReadPage(language)
      page.head(
        label: device.label(language), number: device.number, address: device.address ?? "?",
        line: status.lineName(of: device) ?? "?")
      for value in device.values { page.row(value) }
      if !device.values.contains(where: \.wasRead) {
        page.note(.noValue(state: device.state))
      } else if device.state != .answering {
        page.note(.oldValues(state: device.state))
      }
      writeStandardOutput(page.text)
    }
    return device.state == .answering && device.values.allSatisfy { $0.value != nil }
  }

  // MARK: what the meter says now

  private func readLive(
    _ device: GatewayStatus.Device, _ status: GatewayStatus, _ language: Language
  ) throws(ReadingFailure) -> Bool {
    let site = try loadSite(status)
    guard status.runs(site) else { throw .text(.notInForce(path: site.path)) }
    let (line, known) = try find(device.number, in: site)
    let reading: LiveReading
    do throws(AgentError) {
      reading = try LiveReading(of: known, on: line, through: Agent(dataDirectory: data))
    } catch {
      throw .agent(error)
    }
    if json {
      writeStandardOutput(reading.json + "\n")
    } else {
      var page = ReadPage(language)
      page.add(reading, raw: raw)
      writeStandardOutput(page.text)
    }
    return reading.isWhole
  }

  private func loadSite(_ status: GatewayStatus) throws(ReadingFailure) -> Site {
    guard let path = site ?? status.sitePath else { throw .text(.noSitePath) }
    var tried: [String] = []
    guard let share = Share.locate(option: share, tried: &tried) else {
      throw .text(.noShare(tried))
    }
    switch Site.load(path: path, share: share, deviceDirectory: Share.deviceDirectory) {
    case .success(let site): return site
    case .failure(let findings): throw .site(findings)
    }
  }

  private func find(
    _ number: Int, in site: Site
  ) throws(ReadingFailure) -> (line: Line, device: Device) {
    for line in site.lines {
      for device in line.devices where device.number == number { return (line, device) }
    }
    throw .text(.notInSite(number: number, path: site.path))
  }
}

/// Why nothing was read.
enum ReadingFailure: Error {
  case agent(AgentError)
  case site(Findings)
  case text(ReadText)
  /// No device, or more than one, is meant; with the list of those there are.
  case device(ReadText, list: [String])

  /// 1 where the line could not be had or the site is wrong, which are findings; else 2.
  var code: Int32 {
    switch self {
    case .agent(let error): error.isAboutLine ? 1 : 2
    case .site(let findings): findings.isUnreadable ? 2 : 1
    case .text, .device: 2
    }
  }

  func text(_ language: Language) -> String {
    switch self {
    case .agent(let error): language == .chinese ? error.chinese : error.english
    case .site(let findings): findings.text(language)
    case .text(let text): text.text(language)
    case .device(let text, let list):
      ([text.text(language), ReadText.devicesAre.text(language)] + list.map { "  " + $0 })
        .joined(separator: "\n")
    }
  }
}

/// The device that a technician means: by number, label or address, else by a part of its label.
struct DeviceChoice {
  let device: GatewayStatus.Device

  init(
    _ name: String, in status: GatewayStatus, _ language: Language
  ) throws(ReadingFailure) {
    let wanted = name.lowercased()
    func labels(_ device: GatewayStatus.Device) -> [String] {
      Language.allCases.map { device.label($0).lowercased() }
    }
    let ways: [(GatewayStatus.Device) -> Bool] = [
      { "\($0.number)" == name }, { labels($0).contains(wanted) }, { $0.address == name },
      { labels($0).contains { $0.contains(wanted) } },
    ]
    // One letter is a part of nearly every label.
    for way in wanted.count > 1 ? ways : Array(ways.dropLast()) {
      let found = status.devices.filter(way)
      if let first = found.first, found.count == 1 {
        device = first
        return
      }
      if !found.isEmpty {
        throw .device(.severalDevices(name), list: DeviceChoice.list(found, status, language))
      }
    }
    throw .device(.unknownDevice(name), list: DeviceChoice.list(status.devices, status, language))
  }

  private static func list(
    _ devices: [GatewayStatus.Device], _ status: GatewayStatus, _ language: Language
  ) -> [String] {
    devices.map { device in
      TextLayout.fit("\(device.number)", 6) + TextLayout.fit(device.label(language), 34) + " "
        + TextLayout.fit(device.address ?? "", 14) + (status.lineName(of: device) ?? "?")
    }
  }
}

/// Values of a device as text.
struct ReadPage {
  private let language: Language
  private(set) var text = ""

  init(_ language: Language) { self.language = language }

  mutating func head(label: String, number: Int, address: String, line: String) {
    text += "\(label)  #\(number)  @\(address)  \(line)\n"
  }

  mutating func note(_ note: ReadText) { text += note.text(language) + "\n" }

  /// One value that the agent has.
  mutating func row(_ value: GatewayStatus.Value) {
    let row = Quantity(key: value.quantity)?.row
    let name = row.map(name)
    let unit = row?.unit.symbol.description ?? value.unit ?? ""
    let age = value.ageMilliseconds.map { tenthsText($0 / 100) + " s" } ?? ""
    let reason = value.reason.flatMap { UInt8(exactly: $0) }.flatMap(NoData.init(rawValue:))
    add(
      name ?? value.quantity, value.value ?? reason?.text(language) ?? "–",
      value.value == nil ? "" : unit, value.wasRead ? age : "")
  }

  /// Both pages name a value by its quantity, so that one can be held against the other.
  private func name(_ row: QuantityRow) -> String {
    language == .chinese ? row.chinese.description : row.english.description
  }

  private mutating func add(_ name: String, _ value: String, _ unit: String, _ rest: String) {
    let line =
      "  " + TextLayout.fit(name, 32) + " " + TextLayout.fit(value, 18, right: true) + " "
      + TextLayout.fit(unit, 7) + TextLayout.fit(rest, 10, right: true)
    text += String(line.reversed().drop { $0 == " " }.reversed()) + "\n"
  }

  /// A whole reading, and what to look at where it failed.
  mutating func add(_ reading: LiveReading, raw: Bool) {
    let device = reading.device
    let label = language == .chinese ? device.label.chinese : device.label.english
    head(
      label: label, number: device.number, address: device.addressText, line: reading.line.name)
    for exchange in reading.exchanges {
      var roundTrip = exchange.frames.compactMap(\.answer.roundTripMicroseconds).reduce(0, +)
      for value in exchange.values {
        let name = name(value.point.quantity.row)
        let rest = roundTrip > 0 ? tenthsText(roundTrip / 100) + " ms" : ""
        switch value.result {
        case .success(let number):
          add(name, number.description, value.point.unit.symbol.description, rest)
        case .failure(let reason): add(name, reason.text(language), "", rest)
        }
        // Once for each request: beside the first of its values.
        roundTrip = 0
      }
      guard raw else { continue }
      for frame in exchange.frames {
        text +=
          "    > \(TextLayout.hex(frame.request))\n    < \(TextLayout.hex(frame.answer.raw))\n"
      }
    }
    conclude(reading)
  }

  private mutating func conclude(_ reading: LiveReading) {
    let failed = reading.exchanges.filter { $0.status != .good }
    guard let first = failed.first else {
      note(.allAnswered(requests: reading.exchanges.count))
      if !reading.isWhole { note(.undecoded(profile: reading.device.profile.name)) }
      return
    }
    note(.someFailed(failed: failed.count, requests: reading.exchanges.count))
    if let refusal = first.refusal { return note(.notAsked(refusal)) }
    let uart = reading.line.uart
    let rate = "\(uart.baudRate) Bd \(uart.formatText)"
    switch first.status {
    case .timeout:
      note(
        .timeout(
          address: reading.device.addressText, rate: rate,
          timeout: reading.device.timeoutMilliseconds))
    case .badChecksum: note(.damaged(rate: rate))
    case .exception:
      note(.refused(code: first.refusalCode, profile: reading.device.profile.name))
    case .good, .noDevice, .outOfRange, .exchanged, .maintenance, .substitute, .other:
      note(.portGone)
    }
  }
}
