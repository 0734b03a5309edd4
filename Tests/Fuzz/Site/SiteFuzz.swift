import Catalog
import FuzzKit
import Glibc
import MeterProtocols
import Metering

// The first byte of an input says what the rest is: odd (such as "s") a site, even (such as "b") a board.
// A site may name the board and the profiles of `SiteShare`, which lie in memory.

/// What the catalog makes of any text as site or board: a value whose parts fit, or findings.
public func fuzzSite(_ bytes: UnsafeRawBufferPointer) {
  var input = FuzzInput(bytes)
  let isSite = input.byte() & 1 != 0
  let yaml = Array(input.rest)
  let lineCount = lineCountMax(yaml)
  if isSite {
    let (site, findings) = Site.check(
      yaml: yaml, path: "site.yaml", share: SiteShare.share, deviceDirectory: "/dev")
    checkFindings(findings, of: "site.yaml", lineCount: lineCount, isUsable: site != nil)
    if let site { check(site) }
  } else {
    let (board, findings) = Board.parse(yaml: yaml, file: "board.yaml")
    checkFindings(findings, of: "board.yaml", lineCount: lineCount, isUsable: board != nil)
    if let board { check(board) }
  }
}

/// A share with one board and two small profiles, made once on a file system in memory.
enum SiteShare {
  static let share = Share(path: make())

  private static func make() -> String {
    let parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
    let path = "\(parent)/tallystick-fuzz-share-\(getpid())"
    for folder in ["", "/profiles", "/boards", "/boards/b", "/boards/b/x"] {
      mkdir(path + folder, 0o755)
    }
    write(board, to: path + "/boards/b/x/board.yaml")
    write(modbus, to: path + "/profiles/m.yaml")
    write(dlt645, to: path + "/profiles/d.yaml")
    write("profile: 1\n", to: path + "/profiles/broken.yaml")
    atexit { SiteShare.remove() }
    return path
  }

  private static func remove() {
    let path = share.path
    for file in [
      "boards/b/x/board.yaml", "profiles/m.yaml", "profiles/d.yaml", "profiles/broken.yaml",
    ] { unlink("\(path)/\(file)") }
    for folder in ["/boards/b/x", "/boards/b", "/boards", "/profiles", ""] { rmdir(path + folder) }
  }

  private static func write(_ text: String, to path: String) {
    guard let file = fopen(path, "w") else { return mustHold(false, "\(path) can be written") }
    fputs(text, file)
    fclose(file)
  }

  private static let board = """
    tallystick: 1
    name: b/x
    label: b
    ports: [{name: a, device: a, baud_max: 115200}, {name: c, device: c, baud_max: 9600}]
    limits: {lines: 2, devices_per_line: 4, streams: 6}
    storage: {segment_bytes: 65536, quota_mib: 64}

    """
  private static let modbus = """
    profile: 1
    vendor: v
    model: m
    label: {en: a, zh: b}
    protocol: modbus-rtu
    sources: [{id: d, document: e}]
    requests:
      - {name: r, function: 3, address: 0, count: 4, source: d, points: [
          {quantity: frequency, label: f, type: f32, offset: 0, unit: Hz, word_order: CDAB}]}
      - {name: s, function: 4, address: 9, count: 2, source: d, points: [
          {quantity: active-power, label: p, type: i32, offset: 0, unit: W, word_order: ABCD,
           ratio: power}]}

    """
  private static let dlt645 = """
    profile: 1
    vendor: v
    model: m
    label: a
    protocol: dlt645-2007
    sources: [{id: d, document: e}]
    requests: [{name: r, identifier: "02800002", source: d, points: [
          {quantity: active-power, label: p, type: bcd, offset: 0, bytes: 2, decimals: 2, unit: kW,
           ratio: power}]}]

    """
}

private func check(_ site: Site) {
  var numbers: Set<Int> = []
  for line in site.lines {
    for device in line.devices {
      mustHold((1...65_535).contains(device.number), "a device's number has 16 bits")
      mustHold(numbers.insert(device.number).inserted, "no number is given twice")
      mustHold((1...5).contains(device.attempts), "a request is sent 1 to 5 times")
      for stream in device.streams { check(stream, of: device) }
    }
    mustHold(line.load.permille >= 0, "a load is positive")
  }
  mustHold(site.entriesPerDay >= 0, "the entries of a day can be counted")
  mustHold(site.log.segmentByteCount % 4096 == 0, "a segment has whole blocks")
  _ = SiteSummary(site).text(.english)
}

private func check(_ stream: PollStream, of device: Device) {
  mustHold(stream.periodMilliseconds > 0, "a stream has a period")
  mustHold(
    (0..<stream.periodMilliseconds).contains(stream.offsetMilliseconds), "an offset is below it")
  mustHold(!stream.requests.isEmpty, "a stream has requests")
  for bytes in device.requestBytes(of: stream) {
    switch device.profile.meterProtocol {
    case .modbusRTU: mustHold(ModbusRequest(parsing: bytes.span) != nil, "a Modbus request")
    case .dlt645: mustHold(DLT645Request(parsing: bytes.span) != nil, "a DL/T 645 request")
    }
  }
  for ratio in device.channelRatios(of: stream) {
    mustHold(ratio.factor.numerator > 0, "a transformer's ratio is positive")
  }
}

private func check(_ board: Board) {
  mustHold(
    board.storage.segmentByteCount >= 16 << 10 && board.storage.segmentByteCount % 4096 == 0,
    "a board's segments can be made")
  mustHold(board.limits.lines > 0, "a board has lines")
  for port in board.ports {
    mustHold(port.baudRateMax > 0 && !port.name.isEmpty, "a port has a name and a rate")
  }
}
