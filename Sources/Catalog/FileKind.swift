import Metering

/// What a configuration file describes.
public enum FileKind: Sendable, Equatable {
  /// A gateway with its lines and devices.
  case site
  /// A device model.
  case profile
  /// A Linux gateway.
  case board

  /// Tells by the words that begin lines, so that a file with faults has a kind too; what says
  /// neither is a site.
  public init(yaml: [UInt8]) {
    let text = String(decoding: yaml.prefix(YAMLReader.byteCountMax), as: UTF8.self)
    let words = text.split(whereSeparator: \.isNewline).map { line in
      String(line.drop { $0 == "\u{FEFF}" }.prefix { ($0 >= "a" && $0 <= "z") || $0 == "_" })
    }
    let isSite = ["origin", "timezone", "mirror", "lines"].contains(where: words.contains)
    if words.first(where: { !$0.isEmpty }) == "profile" {
      self = .profile
    } else if !isSite, ["ports", "limits", "storage"].contains(where: words.contains) {
      self = .board
    } else {
      self = .site
    }
  }

  /// The kind of the file at `path`; a site where it cannot be read.
  public init(path: String) {
    switch TextFile.read(path) {
    case .success(let yaml): self.init(yaml: yaml)
    case .failure: self = .site
    }
  }
}

extension DeviceProfile {
  /// Reads the profile at `path` and tells everything that is wrong with it.
  public static func check(path: String) -> (profile: DeviceProfile?, findings: [Finding]) {
    switch TextFile.read(path) {
    case .success(let yaml): check(yaml: yaml, file: path)
    case .failure(let fault): (nil, [Finding(file: path, place: .start, kind: .file(fault))])
    }
  }

  /// What the profile amounts to, a line for each request.
  public func summary(_ language: Language) -> String {
    let points = requests.flatMap(\.points)
    let unverified = points.count { !$0.verified }
    var lines: [String] = []
    switch language {
    case .english:
      lines.append(
        "\(name): \(label.english), \(meterProtocol.key), \(points.count) values in "
          + "\(requests.count) requests, \(unverified) of them doubtful")
    case .chinese:
      lines.append(
        "\(name)：\(label.chinese)，\(meterProtocol.key)，\(requests.count) 个请求，"
          + "\(points.count) 个测点，其中 \(unverified) 个存疑")
    }
    for request in requests {
      let quantities = request.points.map { $0.quantity.key.description }
      lines.append("  \(request.name): \(quantities.joined(separator: ", "))")
    }
    return lines.map { $0 + "\n" }.joined()
  }
}

extension Board {
  /// Reads the board at `path` and tells everything that is wrong with it.
  public static func check(path: String) -> (board: Board?, findings: [Finding]) {
    switch TextFile.read(path) {
    case .success(let yaml): parse(yaml: yaml, file: path)
    case .failure(let fault): (nil, [Finding(file: path, place: .start, kind: .file(fault))])
    }
  }

  /// What the board amounts to, on one line.
  public func summary(_ language: Language) -> String {
    let names = ports.map(\.name)
    return switch language {
    case .english: "\(name): \(label.english), ports \(names.joined(separator: ", "))\n"
    case .chinese: "\(name)：\(label.chinese)，串口 \(names.joined(separator: "、"))\n"
    }
  }
}
