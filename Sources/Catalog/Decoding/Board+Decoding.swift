extension Board {
  /// The keys of a board file.
  private static let keys = ["tallystick", "name", "label", "ports", "limits", "storage"]

  /// Reads a board file.
  ///
  /// - Parameters:
  ///   - yaml: the file.
  ///   - file: the name that findings carry.
  /// - Returns: the board, or `nil` with at least one finding that is no warning.
  public static func parse(yaml: [UInt8], file: String) -> (board: Board?, findings: [Finding]) {
    let (root, findings) = YAMLReader.read(yaml, file: file)
    guard let root else { return (nil, findings) }
    var decoding = Decoding(file: file, findings: findings)
    let board = decoding.board(root, yaml: yaml)
    return (decoding.isUsable ? board : nil, decoding.sorted)
  }

  fileprivate static func decode(
    _ root: YAMLNode, yaml: [UInt8], with decoding: inout Decoding
  ) -> Board? {
    guard let fields = decoding.fields(root, key: "board", section: .board, known: keys) else {
      return nil
    }
    decoding.version("tallystick", fields)
    let name = decoding.text("name", fields)
    let label = decoding.label("label", fields)
    var ports: [BoardPort] = []
    var lines: [String: Int] = [:]
    for node in decoding.list("ports", fields, limit: 32) {
      guard let port = decoding.port(node) else { continue }
      if let first = lines[port.name] {
        decoding.note(.repeated(key: "name", value: port.name, firstLine: first), at: node.place)
      }
      lines[port.name] = node.place.line
      ports.append(port)
    }
    let limits = decoding.limits(fields)
    let storage = decoding.storage(fields)
    guard let name, let label, let limits, let storage else { return nil }
    return Board(
      name: name, label: label, ports: ports, limits: limits, storage: storage, yaml: yaml)
  }
}

extension Decoding {
  fileprivate mutating func board(_ root: YAMLNode, yaml: [UInt8]) -> Board? {
    Board.decode(root, yaml: yaml, with: &self)
  }

  fileprivate mutating func port(_ node: YAMLNode) -> BoardPort? {
    let keys = ["name", "device", "usb", "rs485", "baud_max"]
    guard let fields = fields(node, key: "ports", section: .port, known: keys) else { return nil }
    let name = text("name", fields, rule: .name)
    let rs485 = flag("rs485", fields, default: false)
    let baud = integer("baud_max", fields, in: 300...921_600, unit: .baud, default: 115_200)
    let identity: PortIdentity?
    if let usb = fields.node["usb"] {
      identity = usbIdentity(usb)
      if fields.node["device"] != nil {
        note(.unknownKey("device", known: ["usb"], nearest: nil), at: fields.place(of: "device"))
      }
    } else {
      identity = text("device", fields).map { .device($0) }
    }
    guard let name, let identity else { return nil }
    return BoardPort(name: name, identity: identity, rs485: rs485, baudRateMax: baud)
  }

  /// `VID:PID:SERIAL`, the numbers as four hex digits; the serial may hold colons.
  private mutating func usbIdentity(_ node: YAMLNode) -> PortIdentity? {
    guard let text = text(node, key: "usb") else { return nil }
    let parts = text.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
    // Digits and nothing else: UInt16(_:radix:) would take a sign too.
    if parts.count == 3, !parts[2].isEmpty, let vendor = hexBytes(String(parts[0])),
      let product = hexBytes(String(parts[1])), vendor.count == 2, product.count == 2
    {
      return .usb(
        vendor: UInt16(vendor[0]) << 8 | UInt16(vendor[1]),
        product: UInt16(product[0]) << 8 | UInt16(product[1]), serial: String(parts[2]))
    }
    note(.badText(key: "usb", found: excerpt(text), rule: .usbIdentity), at: node.place)
    return nil
  }

  fileprivate mutating func limits(_ board: Fields) -> BoardLimits? {
    let keys = ["lines", "devices_per_line", "streams"]
    guard let node = required("limits", board),
      let fields = fields(node, key: "limits", section: .limits, known: keys)
    else { return nil }
    let lines = integer("lines", fields, in: 1...32)
    let devices = integer("devices_per_line", fields, in: 1...247)
    let streams = integer("streams", fields, in: 1...4096)
    guard let lines, let devices, let streams else { return nil }
    return BoardLimits(lines: lines, devicesPerLine: devices, streams: streams)
  }

  fileprivate mutating func storage(_ board: Fields) -> StorageSettings? {
    let keys = ["segment_bytes", "quota_mib", "endurance_tb", "endurance_source"]
    guard let node = required("storage", board),
      let fields = fields(node, key: "storage", section: .storage, known: keys)
    else { return nil }
    let quota = integer("quota_mib", fields, in: 16...1_048_576, unit: .mebibytes)
    let segment = segmentByteCount(fields, quotaMebibytes: quota, default: 4 << 20)
    let endurance = endurance(fields)
    guard let quota else { return nil }
    return StorageSettings(
      segmentByteCount: segment, quotaMebibytes: quota, endurance: endurance)
  }

  /// Both keys or none: a figure without its source is a guess, and years would follow from it.
  mutating func endurance(_ storage: Fields) -> Endurance? {
    guard ["endurance_tb", "endurance_source"].contains(where: { storage.node[$0] != nil }) else {
      return nil
    }
    let terabytes = integer("endurance_tb", storage, in: 1...100_000, unit: .terabytes)
    let source = text("endurance_source", storage)
    guard let terabytes, let source else { return nil }
    return Endurance(terabytes: terabytes, source: source)
  }

  /// A segment's size: whole blocks of 4096 bytes, at least five of them. One is the segment's header
  /// (`Journal`), four are what the agent writes in one commit (`Gateway.Limits.commitByteCount`). At most an eighth
  /// of the quota: two segments are the reserve for events, and the rest is given up a segment at a time.
  mutating func segmentByteCount(
    _ fields: Fields, quotaMebibytes quota: Int?, default fallback: Int
  ) -> Int {
    let most = min(67_108_864, (quota ?? 1_048_576) << 17)
    let count = integer(
      "segment_bytes", fields, in: 20_480...Int64(most), unit: .bytes, default: min(fallback, most)
    )
    if !count.isMultiple(of: 4096) {
      note(
        .badText(key: "segment_bytes", found: String(count), rule: .wholeBlocks),
        at: fields.place(of: "segment_bytes"))
    }
    return count
  }
}
