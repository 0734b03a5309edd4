import HAL
import HostHAL
import TransparencyLog

extension Site {
  /// Loads a site with its board and its profiles.
  ///
  /// - Parameters:
  ///   - path: the site file, or a directory that holds `site.yaml`.
  ///   - share: the directory with `profiles` and `boards`.
  ///   - deviceDirectory: where relative port names are looked up.
  /// - Returns: the site, whose `warnings` holds what is doubtful, or everything that is wrong with it.
  public static func load(
    path: String, share: Share, deviceDirectory: String = "/dev"
  ) -> Result<Site, Findings> {
    let (site, findings) = check(path: path, share: share, deviceDirectory: deviceDirectory)
    guard let site else { return .failure(Findings(list: findings)) }
    return .success(site)
  }

  /// Loads a site and tells everything that is wrong or doubtful, in the order of files and lines.
  ///
  /// - Returns: the site unless a finding is no warning, and all findings.
  public static func check(
    path: String, share: Share, deviceDirectory: String = "/dev"
  ) -> (site: Site?, findings: [Finding]) {
    switch ConfigurationFile.read(path) {
    case .failure(let findings): (nil, findings.list)
    case .success(let file):
      check(yaml: file.yaml, path: file.path, share: share, deviceDirectory: deviceDirectory)
    }
  }

  /// The same for the bytes of a site file, which need not stand at `path`.
  public static func check(
    yaml: [UInt8], path: String, share: Share, deviceDirectory: String = "/dev"
  ) -> (site: Site?, findings: [Finding]) {
    var loading = SiteLoading(path: path, share: share, deviceDirectory: deviceDirectory)
    let site = loading.site(yaml)
    let findings = loading.allFindings
    guard var site, findings.allSatisfy(\.isWarning) else { return (nil, findings) }
    site.warnings = findings
    return (site, findings)
  }
}

/// The state of loading one site: its own findings and those of the files that it names.
struct SiteLoading {
  let path: String
  let share: Share
  let deviceDirectory: String
  var decoding: Decoding
  private var otherFindings: [Finding] = []
  private var profiles: [String: DeviceProfile?] = [:]
  private var profileNames: [String]?
  /// Lines on which numbers, labels and serial numbers were used.
  var numberLines: [Int: Int] = [:]
  var labelLines: [String: Int] = [:]
  var serialLines: [String: Int] = [:]
  var streamCount = 0

  init(path: String, share: Share, deviceDirectory: String) {
    self.path = path
    self.share = share
    self.deviceDirectory = deviceDirectory
    decoding = Decoding(file: path)
  }

  /// The site's findings in the order of its lines, then those of other files.
  var allFindings: [Finding] {
    decoding.sorted + otherFindings
  }

  /// The keys of a site file.
  private static let keys = [
    "tallystick", "origin", "timezone", "board", "mirror", "uplink", "log", "lines",
  ]

  mutating func site(_ yaml: [UInt8]) -> Site? {
    let (root, findings) = YAMLReader.read(yaml, file: path)
    decoding.findings += findings
    guard let root,
      let fields = decoding.fields(root, key: "site", section: .site, known: Self.keys)
    else { return nil }
    decoding.version("tallystick", fields)
    let origin = decoding.origin(fields)
    let timezone = decoding.timezone(fields)
    let isOneWay = fields.node["uplink"].map { !$0.isEmpty } ?? false
    let mirror = decoding.mirror(fields, isCalled: !isOneWay)
    let packages = isOneWay ? decoding.packages(fields) : nil
    let board = self.board(fields)
    let log = decoding.log(fields, storage: board?.storage)
    let lines = self.lines(fields, board: board)
    guard let origin, let timezone, let mirror, let board, let log else { return nil }
    if isOneWay, packages == nil { return nil }
    var site = Site(
      origin: origin, timezone: timezone, mirror: mirror, packages: packages, board: board,
      lines: lines, log: log, yaml: yaml, path: path, warnings: [],
      places: Dictionary(uniqueKeysWithValues: SiteKey.allCases.map { ($0, $0.place(in: root)) }))
    decoding.checkRetention(of: site)
    if let rate = mirror.catchUp, rate.bytesPerDay <= site.uploadBytesPerDay {
      decoding.note(
        .neverDrains(rate, bytesPerDay: site.uploadBytesPerDay),
        at: site.place(of: .mirrorCatchUp))
    }
    // What a plan with mistakes in it would write says nothing of the medium.
    if decoding.isUsable { decoding.settleCommit(of: &site, at: root.place(of: "log.years")) }
    return site
  }

  private mutating func board(_ fields: Fields) -> Board? {
    guard let node = decoding.required("board", fields),
      let name = decoding.text(node, key: "board")
    else { return nil }
    let names = share.boardNames
    guard names.contains(name) else {
      let nearest = nearestWords(to: name, in: names, count: 3)
      decoding.note(.unknownBoard(excerpt(name), nearest: nearest), at: node.place)
      return nil
    }
    guard let file = sharedFile(share.boardPath(name), namedAt: node.place) else { return nil }
    let (board, findings) = Board.parse(yaml: file.yaml, file: file.path)
    otherFindings += findings
    return board
  }

  /// A file of the share; one that cannot be read is told where the site names it.
  private mutating func sharedFile(
    _ path: String, namedAt place: YAMLPlace
  ) -> ConfigurationFile? {
    do throws(FileError) { return try ConfigurationFile.readFile(path) } catch {
      decoding.note(.file(.unreadable(error)), at: place)
      return nil
    }
  }

  /// A profile by name; its own findings are told once.
  mutating func profile(_ node: YAMLNode) -> DeviceProfile? {
    guard let name = decoding.text(node, key: "profile") else { return nil }
    if let known = profiles[name] { return known }
    let names = profileNames ?? share.profileNames
    profileNames = names
    guard names.contains(name) else {
      let nearest = nearestWords(to: name, in: names, count: 3)
      decoding.note(.unknownProfile(excerpt(name), nearest: nearest), at: node.place)
      return nil
    }
    var profile: DeviceProfile?
    if let file = sharedFile(share.profilePath(name), namedAt: node.place) {
      let (parsed, findings) = DeviceProfile.check(yaml: file.yaml, file: file.path)
      otherFindings += findings
      profile = parsed
    }
    profiles[name] = .some(profile)
    return profile
  }

  private mutating func lines(_ site: Fields, board: Board?) -> [Line] {
    var lines: [Line] = []
    var names: [String: Int] = [:]
    var ports: [String: Int] = [:]
    let nodes = decoding.list("lines", site, limit: .max)
    if nodes.count > Site.linesMax {
      decoding.note(.tooManyLines(nodes.count), at: site.place(of: "lines"))
    }
    if let board, nodes.count > board.limits.lines {
      decoding.note(
        .boardLimit(.lines, found: nodes.count, limit: board.limits.lines),
        at: site.place(of: "lines"))
    }
    for node in nodes {
      if let name = node["name"]?.text,
        let first = names.updateValue(node.place.line, forKey: name)
      {
        decoding.note(
          .repeated(key: "name", value: excerpt(name), firstLine: first),
          at: node["name"]?.place ?? node.place)
      }
      if let port = node["port"]?.text,
        let first = ports.updateValue(node.place.line, forKey: port)
      {
        decoding.note(
          .portTaken(excerpt(port), firstLine: first), at: node["port"]?.place ?? node.place)
      }
      if let line = line(node, board: board) { lines.append(line) }
    }
    let deviceCount = lines.reduce(0) { $0 + $1.devices.count }
    if deviceCount > Site.devicesMax {
      decoding.note(.tooManyDevices(deviceCount), at: site.place(of: "lines"))
    }
    if let board, streamCount > board.limits.streams {
      decoding.note(
        .boardLimit(.streams, found: streamCount, limit: board.limits.streams),
        at: site.place(of: "lines"))
    }
    return lines
  }
}

extension Decoding {
  fileprivate mutating func origin(_ site: Fields) -> SiteOrigin? {
    guard let node = required("origin", site),
      let fields = fields(node, key: "origin", section: .origin, known: ["domain", "serial"])
    else { return nil }
    let domain = originPart("domain", fields)
    let serial = originPart("serial", fields)
    guard let domain, let serial else { return nil }
    return SiteOrigin(domain: domain, serial: serial)
  }

  /// A part of a log's name (C2SP signed-note forbids blanks and plus signs; slashes separate here).
  private mutating func originPart(_ key: String, _ fields: Fields) -> String? {
    guard let node = required(key, fields), let text = text(node, key: key) else { return nil }
    let isPlain = text.utf8.allSatisfy {
      ($0 >= 0x61 && $0 <= 0x7A) || ($0 >= 0x41 && $0 <= 0x5A) || ($0 >= 0x30 && $0 <= 0x39)
        || $0 == 0x2D || $0 == 0x2E || $0 == 0x5F
    }
    guard isPlain, text.utf8.count <= 100 else {
      note(.origin(key: key, found: excerpt(text)), at: node.place)
      return nil
    }
    return text
  }

  fileprivate mutating func timezone(_ site: Fields) -> String? {
    guard let node = required("timezone", site), let text = text(node, key: "timezone") else {
      return nil
    }
    let zones = "/usr/share/zoneinfo"
    // A gateway without the zone database takes the name as it is: the head end does the arithmetic.
    let isKnown =
      !Files.exists(zones) || Files.exists("\(zones)/\(text)")
    if TextRule.innerPath.allows(text), isKnown, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) {
      return text
    }
    // China has one time, under the name of another city than people look for.
    let ofChina = ["beijing", "peking", "china", "北京", "中国", "东八", "+8", "+08"]
    if ofChina.contains(where: text.lowercased().holds) {
      note(.timezone(excerpt(text), nearest: ["Asia/Shanghai"]), at: node.place)
      return nil
    }
    var names: [String] = []
    for area in Share.names(in: zones) where area.utf8.first.map({ $0 < 0x61 }) ?? false {
      let cities = Share.names(in: "\(zones)/\(area)")
      names += cities.isEmpty ? [area] : cities.map { "\(area)/\($0)" }
    }
    let nearest = nearestWords(to: excerpt(text), in: names, count: 1)
    note(.timezone(excerpt(text), nearest: nearest), at: node.place)
    return nil
  }

  /// `isCalled` is false where the log leaves as packages: then a URL, and what belongs to one, is a contradiction.
  fileprivate mutating func mirror(_ site: Fields, isCalled: Bool) -> MirrorSettings? {
    let keys = ["url", "vkey", "vkey_file", "ca", "catch_up"]
    guard let node = required("mirror", site),
      let fields = fields(node, key: "mirror", section: .mirror, known: keys)
    else { return nil }
    guard isCalled else {
      for key in ["url", "ca", "catch_up"] where fields.node[key] != nil {
        note(.callsBesideDirectory(key: key), at: fields.place(of: key))
      }
      return verifierKey(fields).map {
        MirrorSettings(url: nil, verifierKey: $0, certificateAuthority: nil)
      }
    }
    let url = url(fields)
    let ca = authorityPath(fields)
    let catchUp = catchUp(fields)
    let key = verifierKey(fields)
    guard let url, let key else { return nil }
    return MirrorSettings(
      url: url, verifierKey: key, certificateAuthority: ca, catchUp: catchUp)
  }

  private mutating func catchUp(_ fields: Fields) -> DataRate? {
    guard let node = fields.node["catch_up"], !node.isEmpty,
      let text = scalar(node, key: "catch_up")
    else { return nil }
    guard let rate = DataRate(text: text) else {
      note(.dataRate(excerpt(text)), at: node.place)
      return nil
    }
    return rate
  }

  /// The file of certificate authorities, found from the site file's directory; it must be there.
  private mutating func authorityPath(_ fields: Fields) -> String? {
    guard var path = optionalText("ca", fields) else { return nil }
    if !path.hasPrefix("/"), let slash = file.lastIndex(of: "/") {
      path = file[...slash] + path
    }
    if !Files.exists(path) { note(.file(.notFound(path)), at: fields.place(of: "ca")) }
    return path
  }

  private mutating func verifierKey(_ fields: Fields) -> MirrorSettings.VerifierKey? {
    let inline = fields.node["vkey"]
    let file = fields.node["vkey_file"]
    switch (inline, file) {
    case (nil, nil):
      // A misspelt key was told already.
      if fields.misspelt.contains("vkey") || fields.misspelt.contains("vkey_file") { return nil }
      note(.verifierKeyChoice(both: false), at: fields.node.place)
      return nil
    case (let node?, _?):
      note(.verifierKeyChoice(both: true), at: node.place)
      return nil
    case (let node?, nil):
      guard let text = text(node, key: "vkey", rule: .line(limit: 400)) else { return nil }
      do throws(VerifierKeyFault) {
        _ = try VerifierKey(text, expecting: .cosigner)
        return .inline(text)
      } catch {
        note(.verifierKey(found: text, error), at: node.place)
        return nil
      }
    case (nil, let node?):
      return text(node, key: "vkey_file", rule: .innerPath).map { .file($0) }
    }
  }

  private mutating func url(_ fields: Fields) -> String? {
    guard let node = required("url", fields), let text = text(node, key: "url") else { return nil }
    if let slip = FullWidth.first(in: text) {
      note(.yaml(.fullWidth(slip.found, plain: slip.plain)), at: node.place.after(slip.offset))
      return nil
    }
    let rest: Substring
    if text.hasPrefix("https://") {
      rest = text.dropFirst(8)
    } else if text.hasPrefix("http://") {
      rest = text.dropFirst(7)
    } else {
      note(.url(excerpt(text)), at: node.place)
      return nil
    }
    let isPlain = rest.utf8.allSatisfy {
      $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "@") && $0 != UInt8(ascii: "?")
        && $0 != UInt8(ascii: "#") && $0 != UInt8(ascii: "\"")
    }
    guard isPlain, !rest.isEmpty, !rest.hasPrefix("/"), !rest.hasSuffix("/"),
      Self.isAuthority(rest.prefix { $0 != "/" })
    else {
      note(.url(excerpt(text)), at: node.place)
      return nil
    }
    return text
  }

  /// A host without a port, or with one from 1 to 65535; an IPv6 address stands in brackets.
  private static func isAuthority(_ authority: Substring) -> Bool {
    let host: Substring
    let port: Substring
    if authority.hasPrefix("[") {
      guard let end = authority.firstIndex(of: "]") else { return false }
      host = authority[..<end].dropFirst()
      port = authority[end...].dropFirst()
    } else {
      host = authority.prefix { $0 != ":" }
      port = authority[host.endIndex...]
    }
    guard !host.isEmpty, !host.contains(where: { $0 == "[" || $0 == "]" }) else { return false }
    if port.isEmpty { return true }
    return port.hasPrefix(":")
      && wholeNumber(String(port.dropFirst())).map { (1...65_535).contains($0) } == true
  }

  fileprivate mutating func log(_ site: Fields, storage: StorageSettings?) -> LogSettings? {
    let segment = storage?.segmentByteCount ?? 4 << 20
    let keys = [
      "commit_ms", "years", "endurance_tb", "endurance_source", "checkpoint_ms",
      "checkpoint_entries", "segment_bytes",
    ]
    guard let node = site.node["log"], !node.isEmpty else {
      return LogSettings(
        commitMilliseconds: 5000, years: nil, endurance: nil, isCommitStated: false,
        checkpointMilliseconds: 60_000, checkpointEntryCount: 256, segmentByteCount: segment)
    }
    guard let fields = fields(node, key: "log", section: .log, known: keys) else { return nil }
    let isStated = fields.node["commit_ms"].map { !$0.isEmpty } ?? false
    let commit = integer(
      "commit_ms", fields, in: 1...Int64(LogSettings.commitMax), unit: .milliseconds, default: 5000)
    let years = optionalInteger("years", fields, in: 1...50)
    // One that follows from the years stays below the checkpoints'.
    let checkpointMin = years == nil || isStated ? commit : 1
    let checkpoint = integer(
      "checkpoint_ms", fields, in: Int64(checkpointMin)...3_600_000, unit: .milliseconds,
      default: max(60_000, commit))
    let entries = integer("checkpoint_entries", fields, in: 1...65_536, default: 256)
    return LogSettings(
      commitMilliseconds: commit, years: years, endurance: endurance(fields),
      isCommitStated: isStated, checkpointMilliseconds: checkpoint,
      checkpointEntryCount: entries,
      segmentByteCount: segmentByteCount(
        fields, quotaMebibytes: storage?.quotaMebibytes, default: segment))
  }
}
