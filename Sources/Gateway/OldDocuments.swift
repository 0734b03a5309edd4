import HAL
import TransparencyLog

/// The documents of an old epoch, as its entries are read in their order, and where those that are needed stand in
/// the new one.
struct OldDocuments {
  private var documents: [(index: UInt64, document: Document)]
  private var channels: [(old: UInt64, new: UInt64?)] = []
  /// Of the document that is being read.
  private var parts: [UInt8] = []

  /// Begins with those of the copy beside the log: the log's own come behind them, and count first.
  init(known: [(index: UInt64, document: Document)]) { documents = known }

  /// Takes the next entry that can be read: its document, once that is whole.
  mutating func take(_ entry: Entry, at index: UInt64, _ bytes: Span<UInt8>) {
    guard case .config(let config) = entry, let kind = config.kind else { return }
    func copy(_ range: Range<Int>) -> [UInt8] {
      bytes.extracting(range).withUnsafeBufferPointer { Array($0) }
    }
    if kind == .part {
      if config.part(in: bytes) == 0 { parts = [] }
      if let body = config.body { parts += copy(body) }
      return
    }
    let body = config.body.map { copy($0) } ?? parts
    guard SHA256.hash(body.span) == config.sha256 else { return }
    documents.append((index, Document(kind: kind, name: copy(config.name), body: body)))
  }

  /// The channel's index in the new epoch: its documents are logged there if they are not yet; `nil` if the
  /// old epoch has lost them.
  mutating func channel(
    _ old: UInt64, in opening: inout OpeningEntries, drain: () -> Void
  ) -> UInt64? {
    if let known = channels.last(where: { $0.old == old }) { return known.new }
    let new = logged(old, in: &opening, drain: drain)
    channels.append((old, new))
    return new
  }

  private func logged(
    _ old: UInt64, in opening: inout OpeningEntries, drain: () -> Void
  ) -> UInt64? {
    guard let channel = documents.last(where: { $0.index == old })?.document,
      let decoded = try? Channel.decode(channel.body.span),
      let profile = documents.last(where: { $0.index == decoded.profile })?.document
    else { return nil }
    let index = opening.index(of: profile, drain: drain)
    guard let body = OldDocuments.body(channel.body, withProfile: index) else { return nil }
    return opening.index(
      of: Document(kind: .channel, name: channel.name, body: body), drain: drain)
  }

  /// A channel's body with another profile: the seventh of its elements.
  private static func body(_ body: [UInt8], withProfile profile: UInt64) -> [UInt8]? {
    var reader = CBORReader(body.span)
    guard (try? reader.array()) != nil else { return nil }
    for _ in 0..<6 where (try? reader.skip()) == nil { return nil }
    guard let place = try? reader.skip() else { return nil }
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16) { memory in
      var writer = ByteWriter(memory)
      writer.cbor(profile)
      return Array(body[..<place.lowerBound]) + Array(writer.written)
        + Array(body[place.upperBound...])
    }
  }
}
