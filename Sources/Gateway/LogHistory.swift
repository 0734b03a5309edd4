import HAL
import Metering
import TransparencyLog

/// What the agent learns from its own log when it starts: which documents stand in it already, how far
/// each channel got, and which boot came last.
public struct LogHistory {
  /// A document by what identifies it.
  struct Document {
    var kind: UInt64
    var name: [UInt8]
    var sha256: Digest
    var index: UInt64
  }
  /// How far a channel got.
  struct Progress {
    var channel: UInt64
    var allRequests: UInt64
    var slot: UInt64?
    var seen: UInt64 = 0
    var completeSlot: UInt64?
  }

  private(set) var documents: [Document] = []
  private(set) var progress: [Progress] = []
  /// The kernel's identifier of the last boot; empty if there was none.
  public private(set) var lastBootID: [UInt8] = []

  /// Nothing read yet.
  public init() {}

  /// Takes the entry at `index`. Entries that do not decode are passed over: they are evidence still.
  public mutating func take(index: UInt64, _ bytes: Span<UInt8>) {
    let entry: Entry
    do { entry = try Entry.decode(bytes) } catch { return }
    switch entry {
    case .boot(let boot):
      lastBootID = LogHistory.copy(bytes, boot.bootID)
    case .config(let config):
      take(config, index: index, bytes)
    case .reading(let reading):
      take(reading, bytes)
    case .event(let event):
      guard let shed = event.shed(in: bytes) else { return }
      guard let at = position(of: shed.channel) else { return }
      progress[at].completeSlot = shed.lastSlot
    case .other:
      break
    }
  }

  /// Index of a document's entry, if it stands in the log.
  public func index(kind: ConfigEntry.Kind, name: [UInt8], sha256: Digest) -> UInt64? {
    documents.last {
      $0.kind == UInt64(kind.rawValue) && $0.sha256 == sha256 && $0.name == name
    }?.index
  }

  /// The last slot of a channel for which every request has an entry or an event explains its absence.
  public func completeSlot(ofChannel index: UInt64) -> UInt64? {
    position(of: index).flatMap { progress[$0].completeSlot }
  }

  /// The slot of a channel in which the agent ended: some requests have an entry, others none.
  public func partialSlot(ofChannel index: UInt64) -> UInt64? {
    guard let at = position(of: index), let slot = progress[at].slot else { return nil }
    guard let complete = progress[at].completeSlot else { return slot }
    return slot > complete ? slot : nil
  }

  private func position(of channel: UInt64) -> Int? {
    progress.lastIndex { $0.channel == channel }
  }

  private mutating func take(_ config: ConfigEntry, index: UInt64, _ bytes: Span<UInt8>) {
    guard let kind = config.kind, kind != .part else { return }
    documents.append(
      Document(
        kind: config.kindCode, name: LogHistory.copy(bytes, config.name), sha256: config.sha256,
        index: index))
    guard kind == .channel, let body = config.body else { return }
    guard let channel = try? Channel.decode(bytes.extracting(body)) else { return }
    let count = channel.requestCount
    guard count > 0, count <= Limits.requestsPerChannelMax else { return }
    let all = count == 64 ? UInt64.max : (1 << UInt64(count)) - 1
    progress.append(Progress(channel: index, allRequests: all))
  }

  private mutating func take(_ reading: ReadingEntry, _ bytes: Span<UInt8>) {
    guard let slot = reading.slot, reading.request < 64 else { return }
    guard let at = position(of: reading.channel) else { return }
    if progress[at].slot != slot {
      progress[at].slot = slot
      progress[at].seen = 0
    }
    progress[at].seen |= 1 << reading.request
    if progress[at].seen == progress[at].allRequests { progress[at].completeSlot = slot }
  }

  private static func copy(_ bytes: Span<UInt8>, _ range: Range<Int>) -> [UInt8] {
    var copy: [UInt8] = []
    copy.reserveCapacity(range.count)
    for i in range { copy.append(bytes[i]) }
    return copy
  }
}
