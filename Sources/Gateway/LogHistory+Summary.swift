import HAL
import TransparencyLog

// The history of a summary: what the agent had learnt from the entries that are gone, as deterministic CBOR.
//
//     [ 1,                                         version
//       last boot's identifier,                    bytes
//       [ epoch, next, count, done ],              how far the epoch before was carried over, which is done before
//                                                  entries are given up; the last one stood first at next - 1
//       [* [ kind, name, sha256, index ] ],        documents
//       [* [ channel, all requests, slot / null, seen, complete slot / null ] ] ]   channels

extension LogHistory {
  /// The bytes of a summary's history.
  func encoded() -> [UInt8] {
    let names = documents.reduce(0) { $0 + $1.name.count }
    let capacity = 128 + names + documents.count * 64 + progress.count * 48
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: capacity) { memory in
      var writer = ByteWriter(memory)
      writer.cbor(arrayOf: 5)
      writer.cbor(1)
      writer.cbor(bytes: lastBootID.span)
      writer.cbor(arrayOf: 4)
      writer.cbor(carried.last.last?.epoch ?? 0)
      writer.cbor(carried.last.last.map { $0.index &+ 1 } ?? 0)
      writer.cbor(carried.count)
      writer.cbor(carried.isDone)
      writer.cbor(arrayOf: documents.count)
      for document in documents {
        writer.cbor(arrayOf: 4)
        writer.cbor(document.kind)
        writer.cbor(bytes: document.name.span)
        writer.cbor(document.sha256)
        writer.cbor(document.index)
      }
      writer.cbor(arrayOf: progress.count)
      for channel in progress {
        writer.cbor(arrayOf: 5)
        writer.cbor(channel.channel)
        writer.cbor(channel.allRequests)
        writer.cbor(orNull: channel.slot)
        writer.cbor(channel.seen)
        writer.cbor(orNull: channel.completeSlot)
      }
      precondition(!writer.overflowed, "the capacity covers the longest of each")
      return Array(writer.written)
    }
  }

  /// Reads the history of a summary; `nil` unless all of it is right.
  init?(encoded bytes: Span<UInt8>) {
    self.init()
    do throws(CBORError) { try read(bytes) } catch { return nil }
  }

  private mutating func read(_ bytes: Span<UInt8>) throws(CBORError) {
    var reader = CBORReader(bytes)
    try LogHistory.expect(5, &reader)
    guard try reader.unsigned() == 1 else { throw .unexpectedType }
    lastBootID = LogHistory.copy(bytes, try reader.byteString())
    try LogHistory.expect(4, &reader)
    let epoch = try reader.unsigned()
    let next = try reader.unsigned()
    if epoch > 0, next > 0 { carried.last = [CarriedFrom(epoch: epoch, index: next &- 1)] }
    carried.count = try reader.unsigned()
    carried.isDone = try reader.bool()
    for _ in 0..<(try reader.array()) {
      try LogHistory.expect(4, &reader)
      let kind = try reader.unsigned()
      let name = LogHistory.copy(bytes, try reader.byteString())
      let sha256 = try reader.digest()
      documents.append(
        Document(kind: kind, name: name, sha256: sha256, index: try reader.unsigned()))
    }
    for _ in 0..<(try reader.array()) {
      try LogHistory.expect(5, &reader)
      let channel = try reader.unsigned()
      let allRequests = try reader.unsigned()
      let slot = try reader.unsignedOrNull()
      let seen = try reader.unsigned()
      progress.append(
        Progress(
          channel: channel, allRequests: allRequests, slot: slot, seen: seen,
          completeSlot: try reader.unsignedOrNull()))
    }
    try reader.finish()
  }

  private static func expect(_ count: Int, _ reader: inout CBORReader) throws(CBORError) {
    guard try reader.array() == count else { throw .unexpectedType }
  }
}
