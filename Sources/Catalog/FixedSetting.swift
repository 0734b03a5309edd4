/// A key of a site that only a restart changes. Its place outlives the loading, so that what an agent refuses
/// later has its line too.
public enum SiteKey: String, CaseIterable, Sendable {
  /// The domain of whoever runs the gateway.
  case originDomain = "origin.domain"
  /// The gateway's serial in that domain.
  case originSerial = "origin.serial"
  /// The mirror's URL.
  case mirrorURL = "mirror.url"
  /// The mirror's authorities.
  case mirrorAuthority = "mirror.ca"
  /// The mirror's key, here or in a file.
  case mirrorVerifierKey = "mirror.vkey"
  /// What the record may send.
  case mirrorCatchUp = "mirror.catch_up"
  /// The directory for packages.
  case uplinkDirectory = "uplink.directory"
  /// Time between two packages.
  case uplinkEvery = "uplink.every"
  /// Time for which entries are kept that were not acknowledged.
  case uplinkRetention = "uplink.retention"
  /// Milliseconds between group commits.
  case logCommit = "log.commit_ms"
  /// Milliseconds after which a checkpoint is signed.
  case logCheckpoint = "log.checkpoint_ms"
  /// Entries after which a checkpoint is signed earlier.
  case logCheckpointEntries = "log.checkpoint_entries"
  /// Bytes of a journal segment.
  case logSegment = "log.segment_bytes"

  /// Where its value stands; its section, or the file's beginning, where it was left out.
  func place(in root: YAMLNode) -> YAMLPlace { root.place(of: rawValue) }
}

extension YAMLNode {
  /// Where the value of a key stands, written with its section's before it (`log.years`); the section, or the file's
  /// beginning, where it was left out.
  func place(of key: String) -> YAMLPlace {
    let words = key.split(separator: ".").map(String.init)
    var node = self
    var place = YAMLPlace.start
    for (number, word) in words.enumerated() {
      guard case .mapping(let entries) = node.content,
        // Of what may stand in a file of its own the name stands here: `vkey_file`.
        let entry = entries.first(where: { $0.key == word || $0.key == "\(word)_file" })
      else { break }
      node = entry.value
      place = number == words.count - 1 ? node.place : entry.place
    }
    return place
  }
}

/// A setting that a running agent cannot take up: the log's name, its mirror, and how it is kept.
public struct FixedSetting: Equatable, Sendable {
  /// The key in the site file, with the section's before it.
  public var key: SiteKey
  /// What the agent runs with.
  public var running: String
  /// What the file says now.
  public var found: String

  /// Takes the fields.
  public init(key: SiteKey, running: String, found: String) {
    self.key = key
    self.running = running
    self.found = found
  }
}

extension Site {
  /// Where the value of a key stands.
  public func place(of key: SiteKey) -> YAMLPlace { places[key] ?? .start }

  /// What an agent finds wrong with this site, as a finding in its file.
  public func finding(_ fault: AgentFault, at place: YAMLPlace) -> Finding {
    Finding(file: path, place: place, kind: .agent(fault))
  }

  /// The commit interval as the file has it. One that follows from the years is followed while the agent runs.
  private var statedCommit: String {
    log.isCommitStated || log.years == nil ? "\(log.commitMilliseconds)" : "-"
  }

  /// What another site says otherwise of the settings that only a restart changes. The mirror's key is not
  /// among them: it may stand in a file, which the agent reads.
  public func fixedSettings(changedBy next: Site) -> [FixedSetting] {
    let all: [(SiteKey, String, String)] = [
      (.originDomain, origin.domain, next.origin.domain),
      (.originSerial, origin.serial, next.origin.serial),
      (.mirrorURL, mirror.url ?? "-", next.mirror.url ?? "-"),
      (
        .mirrorAuthority, mirror.certificateAuthority ?? "-",
        next.mirror.certificateAuthority ?? "-"
      ),
      (.mirrorCatchUp, mirror.catchUp?.text ?? "-", next.mirror.catchUp?.text ?? "-"),
      (.uplinkDirectory, packages?.directory ?? "-", next.packages?.directory ?? "-"),
      (.uplinkEvery, seconds(packages?.everySeconds), seconds(next.packages?.everySeconds)),
      (
        .uplinkRetention, seconds(packages?.retentionSeconds),
        seconds(next.packages?.retentionSeconds)
      ),
      (.logCommit, statedCommit, next.statedCommit),
      (.logCheckpoint, "\(log.checkpointMilliseconds)", "\(next.log.checkpointMilliseconds)"),
      (
        .logCheckpointEntries, "\(log.checkpointEntryCount)", "\(next.log.checkpointEntryCount)"
      ),
      (.logSegment, "\(log.segmentByteCount)", "\(next.log.segmentByteCount)"),
    ]
    return all.filter { $0.1 != $0.2 }.map { FixedSetting(key: $0.0, running: $0.1, found: $0.2) }
  }
}

private func seconds(_ count: Int?) -> String { count.map { "\($0) s" } ?? "-" }
