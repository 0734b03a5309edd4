import HostHAL
import Metering

/// A configuration file as it was read.
public struct ConfigurationFile: Sendable, Equatable {
  /// What a configuration file describes.
  public enum Kind: Sendable, Equatable {
    /// A gateway with its lines and devices.
    case site
    /// A device model.
    case profile
    /// A Linux gateway.
    case board
    /// What the simulated plant shows (`plant.yaml`).
    case plant
  }

  /// Where it stands; the name that findings carry.
  public var path: String
  /// Its bytes.
  public var yaml: [UInt8]

  /// Takes a file that was read.
  public init(path: String, yaml: [UInt8]) {
    self.path = path
    self.yaml = yaml
  }

  /// Reads the file at `path`, or the `site.yaml` in a directory.
  public static func read(_ path: String) -> Result<ConfigurationFile, Findings> {
    let isDirectory = (try? Files.status(of: path))?.kind == .directory
    let path = isDirectory ? path + "/site.yaml" : path
    do throws(FileError) {
      return .success(try readFile(path))
    } catch {
      let kind: FindingKind =
        switch error {
        case .notFound: .file(.notFound(path))
        case .tooLarge(_, let limit): .yaml(.tooLarge(limit: limit))
        default: .file(.unreadable(error))
        }
      return .failure(Findings(list: [Finding(file: path, place: .start, kind: kind)]))
    }
  }

  /// Reads the file at `path`, which is no directory.
  static func readFile(_ path: String) throws(FileError) -> ConfigurationFile {
    ConfigurationFile(path: path, yaml: try Files.read(path, limit: YAMLReader.byteCountMax))
  }

  /// What it describes, by the words that begin lines, so that a file with faults has a kind too; what
  /// says nothing of that is a site.
  public var kind: Kind {
    let text = String(decoding: yaml.prefix(YAMLReader.byteCountMax), as: UTF8.self)
    let words = text.split(whereSeparator: \.isNewline).map { line in
      String(line.drop { $0 == "\u{FEFF}" }.prefix { ($0 >= "a" && $0 <= "z") || $0 == "_" })
    }
    if words.first(where: { !$0.isEmpty }) == "profile" { return .profile }
    let isSite = ["origin", "timezone", "mirror", "lines"].contains(where: words.contains)
    // Each of the three alone is a slip in a site too, such as devices that are not indented.
    let plantWords = ["version", "data", "devices"].count(where: words.contains)
    if !isSite, words.contains("templates") || plantWords >= 2 { return .plant }
    let isBoard = ["ports", "limits", "storage"].contains(where: words.contains)
    return isBoard && !isSite ? .board : .site
  }
}

extension DeviceProfile {
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
  /// What the board amounts to, on one line.
  public func summary(_ language: Language) -> String {
    let names = ports.map(\.name)
    return switch language {
    case .english: "\(name): \(label.english), ports \(names.joined(separator: ", "))\n"
    case .chinese: "\(name)：\(label.chinese)，串口 \(names.joined(separator: "、"))\n"
    }
  }
}
