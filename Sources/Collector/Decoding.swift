import ReadingStore
import TransparencyLog

/// Turns cosigned entries into readings, behind the acknowledgement and never in its way.
///
/// It has a cursor of its own for each log. Whatever goes wrong here, the mirror goes on storing and
/// cosigning, and the cursor stays where it was.
public actor Decoding {
  private let collector: Collector
  private var decoders: [String: LogDecoder] = [:]

  /// Entries that are decoded in one transaction: at 3 rows each about 12,000 rows, half a second.
  static let batchLimit: UInt64 = 4_096

  /// Decodes what `collector` stores.
  public init(_ collector: Collector) { self.collector = collector }

  /// Decodes everything that is cosigned and not decoded yet, of all logs, or what can be had until its
  /// task is cancelled: a backlog of months must not hold up the end of the collector.
  public func catchUp() async {
    do {
      for mirror in try collector.allMirrors() where !Task.isCancelled { await catchUp(mirror) }
    } catch {
      collector.setting.alarm(
        .decodingFailed(
          origin: nil, reason: AlarmReason(error, database: collector.setting.database.path)))
    }
  }

  private func catchUp(_ mirror: MirrorLog) async {
    let origin = mirror.log.origin
    do {
      let size = try await mirror.currentState().state.mirror?.size ?? 0
      var decoder =
        try decoders[origin]
        ?? LogDecoder(origin: origin, store: collector.readings)
      decoders[origin] = nil
      while decoder.cursor < size, !Task.isCancelled {
        try decodeBlock(of: mirror, to: size, with: &decoder)
        if UInt64(decoder.batch.range.count) >= Self.batchLimit {
          try decoder.commit()
          await Task.yield()
        }
      }
      // The rest. What a cancelled task decoded is whole entries, and as good as a batch that is full.
      try decoder.commit()
      decoders[origin] = decoder
    } catch {
      // The decoder with its uncommitted batch is dropped: the next attempt begins at the cursor.
      collector.setting.alarm(
        .decodingFailed(
          origin: origin, reason: AlarmReason(error, database: collector.readings.path)))
    }
  }

  private func decodeBlock(
    of mirror: MirrorLog, to size: UInt64, with decoder: inout LogDecoder
  ) throws {
    let block = Block.number(of: decoder.cursor)
    let end = min(size, block * 256 + 256)
    let bundle = try mirror.files.bundle(block, holding: Int(end - block * 256))
    while decoder.cursor < end {
      let range = bundle.ranges[Int(decoder.cursor - block * 256)]
      try decoder.decode(bundle.bytes.span.extracting(range))
    }
  }
}

extension DurableFiles {
  /// A bundle of at least `count` entries of a block.
  ///
  /// Two attempts: between listing and reading, the mirror may have replaced a partial bundle by a
  /// wider one.
  func bundle(_ block: UInt64, holding count: Int) throws -> IndexedBundle {
    for _ in 0..<2 {
      let widths = try names(in: TilePath.bundle(block).partialDirectory).compactMap { Int($0) }
      let width = exists(TilePath.bundle(block).text) ? Block.entryCount : widths.max() ?? 0
      guard width >= count else { continue }
      if let bytes = try read(TilePath.bundle(block, width: width).text),
        let bundle = IndexedBundle(bytes), bundle.ranges.count >= count
      {
        return bundle
      }
    }
    throw MirrorFault.damagedFile(TilePath.bundle(block).text)
  }
}
