/// A setting that a running agent cannot take up: the log's name, its mirror, and how it is kept.
public struct FixedSetting: Equatable, Sendable {
  /// The key in the site file, with the section's before it.
  public var key: String
  /// What the agent runs with.
  public var running: String
  /// What the file says now.
  public var found: String

  /// Takes the fields.
  public init(key: String, running: String, found: String) {
    self.key = key
    self.running = running
    self.found = found
  }
}

extension Site {
  /// What another site says otherwise of the settings that only a restart changes. The mirror's key is not
  /// among them: it may stand in a file, which the agent reads.
  public func fixedSettings(changedBy next: Site) -> [FixedSetting] {
    let all: [(String, String, String)] = [
      ("origin.domain", origin.domain, next.origin.domain),
      ("origin.serial", origin.serial, next.origin.serial),
      ("mirror.url", mirror.url, next.mirror.url),
      (
        "mirror.ca", mirror.certificateAuthority ?? "-", next.mirror.certificateAuthority ?? "-"
      ),
      ("log.commit_ms", "\(log.commitMilliseconds)", "\(next.log.commitMilliseconds)"),
      (
        "log.checkpoint_ms", "\(log.checkpointMilliseconds)", "\(next.log.checkpointMilliseconds)"
      ),
      (
        "log.checkpoint_entries", "\(log.checkpointEntryCount)",
        "\(next.log.checkpointEntryCount)"
      ),
      ("log.segment_bytes", "\(log.segmentByteCount)", "\(next.log.segmentByteCount)"),
    ]
    return all.filter { $0.1 != $0.2 }.map { FixedSetting(key: $0.0, running: $0.1, found: $0.2) }
  }
}
