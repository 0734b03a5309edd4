import FuzzKit
import HAL
import Metering
import TransparencyLog

// An input is an entry, a channel body, a bundle of entries or any CBOR: every decoder reads it.

/// What the decoders of log entries make of any bytes.
public func fuzzEntry(_ bytes: UnsafeRawBufferPointer) {
  let input = bytes.bindMemory(to: UInt8.self).span
  withUnsafeTemporaryAllocation(of: UInt8.self, capacity: input.count + 64) { memory in
    var writer = ByteWriter(memory)
    if checkEntry(input, &writer) {
      writer.reset()
      checkItem(input, &writer)
    }
    if let channel = try? Channel.decode(input) {
      writer.reset()
      checkItem(input, &writer)
      check(channel, input)
    }
    checkBundle(input, &writer)
  }
}

/// An entry that is taken is deterministic: its items, written again, are the same bytes.
private func checkItem(_ bytes: Span<UInt8>, _ writer: inout ByteWriter) {
  var reader = CBORReader(bytes)
  do throws(CBORError) {
    try copyItem(from: &reader, to: &writer, depth: 0)
    try reader.finish()
  } catch {
    mustHold(false, "what a decoder takes can be read item by item: \(error)")
  }
  mustHold(areEqual(writer.written.span, bytes), "and writing the items gives the same bytes")
}

private func copyItem(
  from reader: inout CBORReader, to writer: inout ByteWriter, depth: Int
) throws(CBORError) {
  // The limit counts from the element that is passed over, which stands in the entry itself.
  mustHold(depth <= CBORReader.depthLimit + 2, "items nest no deeper than the limit")
  let isSimple = reader.nextIsNull || [0xF4, 0xF5].contains(reader.bytes[reader.position])
  switch reader.nextMajorType {
  case 7 where isSimple:
    if reader.skipNull() { writer.cborNull() } else { writer.cbor(try reader.bool()) }
  case 2: writer.cbor(bytes: reader.bytes.extracting(try reader.byteString()))
  case 3: writer.cbor(text: reader.bytes.extracting(try reader.text()))
  case 4:
    let count = try reader.array()
    writer.cbor(arrayOf: count)
    for _ in 0..<count { try copyItem(from: &reader, to: &writer, depth: depth + 1) }
  case 5:
    let count = try reader.map()
    writer.cbor(mapOf: count)
    for _ in 0..<(2 * count) { try copyItem(from: &reader, to: &writer, depth: depth + 1) }
  default:
    // Numbers beyond Int64 and floats have no writer here; they are taken as they are.
    let start = reader.position
    let range = try reader.skip()
    mustHold(range.lowerBound == start && !range.isEmpty, "an item is where it was read")
    writer.append(reader.bytes.extracting(range))
  }
}

private func checkEntry(_ bytes: Span<UInt8>, _ writer: inout ByteWriter) -> Bool {
  let entry: Entry
  do throws(CBORError) { entry = try Entry.decode(bytes) } catch { return false }
  let head = entry.head
  switch entry {
  case .boot(let boot):
    check(boot.bootID, bytes)
    check(boot.origin, bytes)
    check(boot.ext, bytes)
  case .reading(let reading):
    if let raw = reading.raw { check(raw, bytes) }
    check(reading.ext, bytes)
    if bytes[0] == 0x8C, let status = reading.status {
      let raw = reading.raw
      bytes.withUnsafeBufferPointer { all in
        ReadingEntry.write(
          head: head, channel: reading.channel, request: reading.request, status: status,
          slot: reading.slot, roundTrip: reading.roundTrip,
          raw: raw.map { UnsafeBufferPointer(rebasing: all[$0]) }, to: &writer)
      }
      mustHold(areEqual(writer.written.span, bytes), "a reading is written as it was read")
    }
  case .config(let config):
    check(config.name, bytes)
    if let body = config.body { check(body, bytes) }
    check(config.ext, bytes)
    _ = config.part(in: bytes)
    if config.kind == .channel, let body = config.body {
      let body = bytes.extracting(body)
      if let channel = try? Channel.decode(body) { check(channel, body) }
    }
  case .event(let event):
    check(event.arguments, bytes)
    check(event.ext, bytes)
    let count = event.argumentCount(in: bytes)
    mustHold(count <= bytes.count, "an event has no more arguments than bytes")
    for i in 0..<min(count, 8) { _ = event.argument(i, in: bytes) }
    if let shed = event.shed(in: bytes) {
      mustHold(event.code == .shed && shed.channel == event.argument(0, in: bytes), "shed slots")
    }
  case .other: break
  }
  return true
}

private func check(_ range: Range<Int>, _ bytes: Span<UInt8>) {
  mustHold(range.lowerBound >= 0 && range.upperBound <= bytes.count, "a string lies in the entry")
}

private func check(_ ext: EntryExtension, _ bytes: Span<UInt8>) {
  check(ext.range, bytes)
  for key: UInt64 in 1...6 {
    if let item = ext.item(key, in: bytes) {
      mustHold(
        item.lowerBound > ext.range.lowerBound && item.upperBound <= ext.range.upperBound,
        "a further field lies in the map")
    }
    _ = ext.unsigned(key, in: bytes)
  }
}

private func check(_ channel: Channel, _ body: Span<UInt8>) {
  for range in [channel.label, channel.port, channel.address] { check(range, body) }
  if let serial = channel.serial { check(serial, body) }
  for i in 0..<min(channel.requestCount, 8) {
    guard let request = channel.request(UInt64(i), in: body) else {
      return mustHold(false, "a channel has the requests that it counts")
    }
    check(request, body)
  }
  mustHold(
    channel.request(UInt64(channel.requestCount), in: body) == nil, "a channel has no request more")
  mustHold(channel.request(.max, in: body) == nil, "nor one of an absurd number")
  for i in 0..<min(channel.ratioCount, 8) { _ = channel.ratio(i, in: body) }
}

private func checkBundle(_ bytes: Span<UInt8>, _ writer: inout ByteWriter) {
  writer.reset()
  var bundle = EntryBundle(bytes)
  var entryCount = 0
  do throws(EntryBundle.Truncated) {
    while let range = try bundle.next() {
      check(range, bytes)
      writer.append(bundled: bytes.extracting(range))
      entryCount += 1
    }
  } catch {
    mustHold(EntryBundle.count(bytes) == nil, "a cut bundle has no count")
    return
  }
  mustHold(EntryBundle.count(bytes) == entryCount, "a bundle has the entries that it counts")
  mustHold(areEqual(writer.written.span, bytes), "entries bundled again give the same bytes")
}
