import HAL
import Metering

/// An entry of an old epoch as it is logged anew: the same but for its index, the channels that it names, and
/// the extension that says where it stood.
public enum CarriedEntry {
  /// Calls `body` with each channel that an entry names: those for which `write` needs an index. Nothing for
  /// entries that are not carried over.
  public static func forEachChannel(
    of entry: Entry, in bytes: Span<UInt8>, _ body: (UInt64) -> Void
  ) {
    switch entry {
    case .reading(let reading): body(reading.channel)
    case .event(let event):
      let count = channelCount(of: event, argumentCount: event.argumentCount(in: bytes))
      var number = 0
      while number < count {
        guard let channel = event.argument(number, in: bytes) else { return }
        body(channel)
        number &+= 1
      }
    case .boot, .config, .other: break
    }
  }

  /// Writes a reading or an event anew; `bytes` are those that `entry` was decoded from. `false`, with nothing
  /// written, for entries of other types, for events whose channels cannot be read, and for those that name a
  /// channel for which `channel` has none.
  public static func write(
    _ entry: Entry, in bytes: Span<UInt8>, index: UInt64, from origin: CarriedFrom,
    channel: (UInt64) -> UInt64?, to writer: inout ByteWriter
  ) -> Bool {
    let start = writer.count
    if (try? copy(entry, bytes, index, origin, channel, &writer)) == true { return true }
    writer.truncate(to: start)
    return false
  }

  private static func copy(
    _ decoded: Entry, _ entry: Span<UInt8>, _ index: UInt64, _ origin: CarriedFrom,
    _ channel: (UInt64) -> UInt64?, _ writer: inout ByteWriter
  ) throws(CBORError) -> Bool {
    let ext: EntryExtension
    let itemCount: Int
    switch decoded {
    case .reading(let reading): (ext, itemCount) = (reading.ext, 12)
    case .event(let event): (ext, itemCount) = (event.ext, 8)
    case .boot, .config, .other: return false
    }
    var reader = CBORReader(entry)
    _ = try reader.array()
    writer.cbor(arrayOf: itemCount &+ 1)
    var item = 0
    while item < itemCount {
      let range = try reader.skip()
      switch (decoded, item) {
      case (_, 1): writer.cbor(index)
      case (.reading(let reading), 6):
        guard let mapped = channel(reading.channel) else { return false }
        writer.cbor(mapped)
      case (.event(let event), 7):
        guard try copyArguments(event, entry, channel, &writer) else { return false }
      default: writer.append(entry.extracting(range))
      }
      item &+= 1
    }
    try copyExtension(ext, entry, origin, &writer)
    return true
  }

  /// The arguments of an event; those that are channels are replaced.
  private static func copyArguments(
    _ event: EventEntry, _ entry: Span<UInt8>, _ channel: (UInt64) -> UInt64?,
    _ writer: inout ByteWriter
  ) throws(CBORError) -> Bool {
    var reader = CBORReader(entry, at: event.arguments.lowerBound)
    let count = try reader.array()
    let channelCount = channelCount(of: event, argumentCount: count)
    writer.cbor(arrayOf: count)
    var number = 0
    while number < count {
      let range = try reader.skip()
      if number < channelCount {
        var value = CBORReader(entry, at: range.lowerBound)
        guard let mapped = channel(try value.unsigned()) else { return false }
        writer.cbor(mapped)
      } else {
        writer.append(entry.extracting(range))
      }
      number &+= 1
    }
    return true
  }

  /// How many of the arguments, from the first, are channels.
  private static func channelCount(of event: EventEntry, argumentCount: Int) -> Int {
    switch event.code {
    case .shed: argumentCount > 0 ? 1 : 0
    case .deviceSilent, .deviceAnswers: argumentCount
    default: 0
    }
  }

  /// The extension with the origin among its keys, which ascend. One that was carried before keeps where it
  /// stood first.
  private static func copyExtension(
    _ ext: EntryExtension, _ entry: Span<UInt8>, _ origin: CarriedFrom,
    _ writer: inout ByteWriter
  ) throws(CBORError) {
    let own = ReadingEntry.Key.carriedFrom
    let wasCarried = ext.item(own, in: entry) != nil
    guard ext.range.count > 0 else {
      writer.cbor(mapOf: 1)
      writer.cbor(own)
      return origin.write(to: &writer)
    }
    var reader = CBORReader(entry, at: ext.range.lowerBound)
    let count = try reader.map()
    writer.cbor(mapOf: wasCarried ? count : count &+ 1)
    var isWritten = wasCarried
    var left = count
    while left > 0 {
      let key = try reader.unsigned()
      if !isWritten, key > own {
        writer.cbor(own)
        origin.write(to: &writer)
        isWritten = true
      }
      let item = try reader.skip()
      writer.cbor(key)
      writer.append(entry.extracting(item))
      left &-= 1
    }
    if !isWritten {
      writer.cbor(own)
      origin.write(to: &writer)
    }
  }
}

extension CarriedFrom {
  fileprivate func write(to writer: inout ByteWriter) {
    writer.cbor(arrayOf: 2)
    writer.cbor(epoch)
    writer.cbor(index)
  }
}
