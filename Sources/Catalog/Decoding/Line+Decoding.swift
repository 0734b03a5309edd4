import HAL
import MeterProtocols
import Metering

extension SiteLoading {
  private static let lineKeys = ["name", "port", "baud", "format", "devices"]

  mutating func line(_ node: YAMLNode, board: Board?) -> Line? {
    guard
      let fields = decoding.fields(node, key: "lines", section: .line, known: Self.lineKeys)
    else { return nil }
    let name = decoding.text("name", fields, rule: .name)
    let port = self.port(fields, board: board)
    let uart = self.uart(fields, port: port)
    let nodes = decoding.list("devices", fields, limit: 247)
    if let board, nodes.count > board.limits.devicesPerLine {
      decoding.note(
        .boardLimit(.devices, found: nodes.count, limit: board.limits.devicesPerLine),
        at: fields.place(of: "devices"))
    }
    var devices: [Device] = []
    var addresses: [[UInt8]: (label: Label, line: Int)] = [:]
    for node in nodes {
      guard let device = device(node, uart: uart) else { continue }
      if let first = addresses[device.address] {
        decoding.note(
          .addressTaken(
            device.addressText, byDevice: first.label, firstLine: first.line),
          at: node["address"]?.place ?? node.place)
      }
      addresses[device.address] = (device.label, node.place.line)
      devices.append(device)
    }
    guard let name, let port, let uart else { return nil }
    let load = LineLoad(line: name, uart: uart, devices: devices)
    note(load, devices: devices, line: name, at: fields.node.place)
    return Line(
      name: name, portName: port.name, identity: port.identity,
      devicePath: port.identity.path(in: deviceDirectory), uart: uart, devices: devices, load: load)
  }

  private mutating func note(
    _ load: LineLoad, devices: [Device], line: String, at place: YAMLPlace
  ) {
    if load.permille > 1000 {
      decoding.note(.overloaded(load), at: place)
    } else if load.permille > 800 {
      decoding.note(.busy(load), at: place)
    }
    if let first = devices.first,
      devices.contains(where: { $0.profile.meterProtocol != first.profile.meterProtocol })
    {
      decoding.note(.mixedProtocols(line: line), at: place)
    }
  }

  /// The board's port; without a readable board the name alone, so that the rest is checked too.
  private mutating func port(_ line: Fields, board: Board?) -> BoardPort? {
    guard let node = decoding.required("port", line),
      let name = decoding.text(node, key: "port")
    else { return nil }
    guard let board else {
      return BoardPort(
        name: name, identity: .device(name), rs485: false, baudRateMax: 921_600)
    }
    if let port = board.ports.first(where: { $0.name == name }) { return port }
    decoding.note(
      .unknownPort(excerpt(name), known: board.ports.map(\.name)), at: node.place)
    return nil
  }

  private mutating func uart(_ line: Fields, port: BoardPort?) -> UARTConfiguration? {
    let baud = self.baud(line, port: port)
    guard let node = decoding.required("format", line) else { return nil }
    guard let text = decoding.text(node, key: "format") else { return nil }
    guard let format = LineSettings.format(text) else {
      decoding.note(.serialFormat(excerpt(text)), at: node.place)
      return nil
    }
    guard let baud else { return nil }
    return UARTConfiguration(
      baudRate: UInt32(baud), dataBits: format.dataBits, parity: format.parity,
      stopBits: format.stopBits, rs485: port?.rs485 ?? false)
  }

  private mutating func baud(_ line: Fields, port: BoardPort?) -> Int? {
    guard let node = decoding.required("baud", line) else { return nil }
    guard let number = decoding.integer(node, key: "baud", in: 0...10_000_000, unit: .baud) else {
      return nil
    }
    let baud = Int(number)
    guard LineSettings.baudRates.contains(baud) else {
      let nearest = LineSettings.baudRates.min { abs($0 - baud) < abs($1 - baud) } ?? 9600
      decoding.note(.baudRate(found: String(baud), nearest: nearest), at: node.place)
      return nil
    }
    if let port, baud > port.baudRateMax {
      decoding.note(
        .boardLimit(.baudRate, found: baud, limit: port.baudRateMax), at: node.place)
    }
    return baud
  }
}

extension SiteLoading {
  private static let deviceKeys = [
    "number", "label", "serial", "address", "profile", "period_ms", "offset_ms", "poll",
    "timeout_ms", "attempts", "ratios", "critical",
  ]

  private mutating func device(_ node: YAMLNode, uart: UARTConfiguration?) -> Device? {
    guard
      let fields = decoding.fields(node, key: "devices", section: .device, known: Self.deviceKeys)
    else { return nil }
    let number = decoding.integer("number", fields, in: 1...65_535)
    if let number, let first = numberLines.updateValue(node.place.line, forKey: number) {
      decoding.note(
        .repeated(key: "number", value: String(number), firstLine: first),
        at: fields.place(of: "number"))
    }
    let label = decoding.label("label", fields)
    let serial = decoding.optionalText("serial", fields, rule: .line(limit: 64))
    checkNames(label, serial, fields)
    var profile: DeviceProfile?
    if let node = decoding.required("profile", fields) { profile = self.profile(node) }
    let address = decoding.address(fields, protocol: profile?.meterProtocol)
    let attempts = decoding.integer("attempts", fields, in: 1...5, default: 2)
    let timeout = decoding.integer(
      "timeout_ms", fields, in: 10...30_000, unit: .milliseconds, default: 0)
    let ratios = decoding.ratios(fields)
    let isCritical = decoding.flag("critical", fields, default: false)
    let streams = self.streams(fields, profile: profile)
    streamCount += streams.count
    guard let number, let label, let profile, let address else { return nil }
    var device = Device(
      number: number, label: label, serial: serial, address: address, profile: profile,
      streams: streams, timeoutMilliseconds: timeout, attempts: attempts, ratios: ratios,
      isCritical: isCritical)
    settleTimeout(of: &device, fields, uart: uart)
    checkRatios(of: device, fields)
    return device
  }

  /// Nothing keys by label or serial number, but people do: a second use is a slip of copying.
  private mutating func checkNames(_ label: Label?, _ serial: String?, _ fields: Fields) {
    let line = fields.node.place.line
    for name in label.map({ Set([$0.english, $0.chinese]).sorted() }) ?? [] {
      guard let first = labelLines.updateValue(line, forKey: name) else { continue }
      decoding.note(.labelTwice(excerpt(name), firstLine: first), at: fields.place(of: "label"))
      break
    }
    if let serial, let first = serialLines.updateValue(line, forKey: serial) {
      decoding.note(.serialTwice(serial, firstLine: first), at: fields.place(of: "serial"))
    }
  }

  /// Every value that is polled must be exact behind the transformers: others would be refused one by
  /// one, as `NoData.overflow`, or shown without their ratios.
  private mutating func checkRatios(of device: Device, _ fields: Fields) {
    checkUse(of: device.ratios, by: device.profile, fields)
    let points = device.streams.flatMap(\.requests).flatMap { device.profile.requests[$0].points }
    let ratios = device.ratios
    let inexact = points.first {
      $0.rule.withRatios(current: ratios.current, voltage: ratios.voltage)?.isExact != true
    }
    guard let inexact else { return }
    decoding.note(
      .inexactRatios(quantity: inexact.quantity.key.description), at: fields.place(of: "ratios"))
  }

  /// A ratio that no value asks for would be left out without a word, and so would one that was
  /// forgotten.
  private mutating func checkUse(
    of ratios: TransformerRatios, by profile: DeviceProfile, _ fields: Fields
  ) {
    let used = Set(profile.requests.flatMap(\.points).map(\.rule.ratio))
    guard let node = fields.node["ratios"], !node.isEmpty else {
      if !used.isSubset(of: [.none]) {
        decoding.note(.ratiosMissing(profile: profile.name), at: fields.place(of: "profile"))
      }
      return
    }
    let given: [(String, Ratio, TransformerRatio)] = [
      ("current", ratios.current, .current), ("voltage", ratios.voltage, .voltage),
    ]
    for (key, ratio, kind) in given where ratio != .one && used.isDisjoint(with: [kind, .power]) {
      let entries = Fields(node: node, section: .ratios, misspelt: [])
      decoding.note(.ratioUnused(key: key, profile: profile.name), at: entries.place(of: key))
    }
  }

  /// A timeout that was not given is three times what the slowest reply takes, at least 200 ms; one
  /// that was given must not be shorter than that reply.
  private mutating func settleTimeout(
    of device: inout Device, _ fields: Fields, uart: UARTConfiguration?
  ) {
    guard let uart else { return }
    var slowest = (milliseconds: 0, name: "")
    for index in device.streams.flatMap(\.requests) {
      let request = device.profile.requests[index]
      let bytes = LineLoad.replyByteCount(request, address: device.address)
      let needed =
        device.profile.turnaroundMilliseconds
        + (bytes * Int(uart.characterMicroseconds) + 999) / 1000
      if needed > slowest.milliseconds { slowest = (needed, request.name) }
    }
    if device.timeoutMilliseconds == 0 {
      device.timeoutMilliseconds = max(200, min(30_000, 3 * slowest.milliseconds))
    } else if device.timeoutMilliseconds < slowest.milliseconds {
      decoding.note(
        .timeoutTooShort(
          milliseconds: device.timeoutMilliseconds, needed: slowest.milliseconds,
          request: slowest.name), at: fields.place(of: "timeout_ms"))
    }
  }

  /// Either `period_ms` for all requests of the profile, or a list of `poll`.
  private mutating func streams(_ device: Fields, profile: DeviceProfile?) -> [PollStream] {
    guard device.node["poll"] != nil else {
      guard let stream = stream(device, requests: profile.map { Array($0.requests.indices) } ?? [])
      else { return [] }
      return [stream]
    }
    for key in ["period_ms", "offset_ms"] where device.node[key] != nil {
      decoding.note(
        .unknownKey(key, known: ["poll"], nearest: nil), at: device.place(of: key))
    }
    var streams: [PollStream] = []
    var taken: Set<Int> = []
    for node in decoding.list("poll", device, limit: 32) {
      let keys = ["requests", "period_ms", "offset_ms"]
      guard let fields = decoding.fields(node, key: "poll", section: .poll, known: keys) else {
        continue
      }
      let requests = self.requests(fields, profile: profile, taken: &taken)
      if let stream = stream(fields, requests: requests) { streams.append(stream) }
    }
    return streams
  }

  private mutating func stream(_ fields: Fields, requests: [Int]) -> PollStream? {
    let period = decoding.integer("period_ms", fields, in: 100...86_400_000, unit: .milliseconds)
    let offset = decoding.integer(
      "offset_ms", fields, in: 0...86_400_000, unit: .milliseconds, default: 0)
    guard let period else { return nil }
    if offset >= period {
      decoding.note(
        .offsetNotBelowPeriod(offset: offset, period: period), at: fields.place(of: "offset_ms"))
      return nil
    }
    return PollStream(
      requests: requests, periodMilliseconds: period, offsetMilliseconds: offset, mode: .polled)
  }

  private mutating func requests(
    _ poll: Fields, profile: DeviceProfile?, taken: inout Set<Int>
  ) -> [Int] {
    var indices: [Int] = []
    for node in decoding.list("requests", poll, limit: 64) {
      guard let name = decoding.text(node, key: "requests") else { continue }
      guard let profile else { continue }
      guard let index = profile.requests.firstIndex(where: { $0.name == name }) else {
        decoding.note(
          .unknownRequest(
            excerpt(name), profile: profile.name, known: profile.requests.map(\.name)),
          at: node.place)
        continue
      }
      if !taken.insert(index).inserted { decoding.note(.requestTwice(name), at: node.place) }
      indices.append(index)
    }
    return indices
  }
}

extension Decoding {
  /// The address as `Device.address` keeps it.
  fileprivate mutating func address(_ device: Fields, protocol kind: MeterProtocol?) -> [UInt8]? {
    guard let node = required("address", device), let text = text(node, key: "address") else {
      return nil
    }
    switch kind {
    case .modbusRTU:
      if let number = wholeNumber(text), (1...247).contains(number) { return [UInt8(number)] }
      note(.modbusAddress(excerpt(text)), at: node.place)
      return nil
    case .dlt645:
      let isDecimal = text.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
      if text.utf8.count == 12, isDecimal, let bytes = hexBytes(text) { return bytes }
      note(.dlt645Address(excerpt(text)), at: node.place)
      return nil
    case nil:
      return nil
    }
  }

  fileprivate mutating func ratios(_ device: Fields) -> TransformerRatios {
    guard let node = device.node["ratios"], !node.isEmpty,
      let fields = fields(
        node, key: "ratios", section: .ratios, known: ["current", "voltage"])
    else { return .none }
    return TransformerRatios(
      current: transformerRatio("current", fields), voltage: transformerRatio("voltage", fields))
  }

  /// A ratio such as 600/5 or 120; of at most 10^6, so that products stay far from overflow.
  private mutating func transformerRatio(_ key: String, _ fields: Fields) -> Ratio {
    let ratio = self.ratio(key, fields, default: .one)
    let limit: Int64 = 1_000_000
    if ratio.numerator >= 1, ratio.numerator <= limit, ratio.denominator <= limit { return ratio }
    note(
      .outOfRange(
        key: key, found: "\(ratio.numerator)/\(ratio.denominator)", lower: 1, upper: limit,
        unit: nil
      ),
      at: fields.place(of: key))
    return .one
  }
}
