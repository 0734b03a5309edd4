import HAL
import Journal
import MeterProtocols
import Metering
import Sampling
import TransparencyLog

// The link proof: a program that uses every module of ring 0 the way a gateway does, from the poll plan
// to the committed frame and the root of the tree, linked with nothing that could allocate. Compiled with
// `-D ALLOCATES` it allocates once, and then the same link must fail; scripts/stages.d/embedded.sh does both.

/// Hands out pieces of one block of memory; what is taken is never given back.
struct Memory {
  private var free: UnsafeMutableRawBufferPointer

  init(_ all: UnsafeMutableRawBufferPointer) { free = all }

  mutating func take(bytes: Int) -> UnsafeMutableRawBufferPointer {
    precondition(bytes <= free.count, "the block is too small")
    let taken = UnsafeMutableRawBufferPointer(rebasing: free[0..<bytes])
    free = UnsafeMutableRawBufferPointer(rebasing: free[((bytes &+ 15) & ~15)...])
    return taken
  }

  mutating func take<Element: BitwiseCopyable>(
    _ count: Int, of type: Element.Type
  ) -> UnsafeMutableBufferPointer<Element> {
    take(bytes: count &* MemoryLayout<Element>.stride).bindMemory(to: type)
  }
}

/// Writes what the sampler reports into a buffer, one entry at most.
struct OneEntry: ~Copyable, PollSink {
  var writer: ByteWriter
  var outcomeCount = 0

  mutating func polled(
    _ outcome: PollOutcome, raw: UnsafeBufferPointer<UInt8>, rejected: UnsafeBufferPointer<UInt8>
  ) {
    outcomeCount &+= 1
    writer.reset()
    ReadingEntry.write(
      head: EntryHead(index: 0, boot: 1, time: outcome.instant), channel: 0,
      request: wide(count: outcome.request), status: outcome.status, slot: outcome.slot,
      roundTrip: outcome.roundTrip, raw: raw, to: &writer)
  }

  mutating func shed(
    channel: Int, first: UInt64, last: UInt64, reason: EventEntry.ShedReason, at instant: Instant
  ) {}
  mutating func clockStepped(from old: UInt64, to new: UInt64, at instant: Instant) {}
  mutating func device(_ device: Int, answers: Bool, at instant: Instant) {}
  mutating func line(_ line: Int, isOpen: Bool, at instant: Instant) {}
  mutating func leased(
    _ outcome: LeaseOutcome, request: UnsafeBufferPointer<UInt8>, raw: UnsafeBufferPointer<UInt8>
  ) {}
  mutating func leaseRefused(line: Int, _ refusal: LeaseRefusal, at instant: Instant) {}
}

/// The two superblocks and one segment, in memory.
struct OneSegment: BlockStorage {
  static var segmentByteCount: Int { 16 << 10 }
  static var byteCount: Int { 2 &* blockByteCount &+ segmentByteCount }

  private let memory: UnsafeMutableRawBufferPointer
  private var hasSuperblock: (Bool, Bool) = (false, false)
  private var hasSegment = false

  init(_ memory: UnsafeMutableRawBufferPointer) { self.memory = memory }

  private func place(_ object: StorageObject) -> Range<Int>? {
    switch object {
    case .superblock(0): hasSuperblock.0 ? 0..<blockByteCount : nil
    case .superblock: hasSuperblock.1 ? blockByteCount..<(2 &* blockByteCount) : nil
    case .segment(0): hasSegment ? (2 &* blockByteCount)..<OneSegment.byteCount : nil
    default: nil
    }
  }

  mutating func size(of object: StorageObject) throws(StorageError) -> Int? { place(object)?.count }

  mutating func segmentRange() throws(StorageError) -> ClosedRange<UInt64>? {
    hasSegment ? 0...0 : nil
  }

  mutating func create(_ object: StorageObject, byteCount: Int) throws(StorageError) {
    switch object {
    case .superblock(0): hasSuperblock.0 = true
    case .superblock: hasSuperblock.1 = true
    case .segment(0): hasSegment = true
    default: throw .full
    }
  }

  mutating func read(
    _ object: StorageObject, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) throws(StorageError) {
    guard let place = place(object) else { throw .notFound }
    guard buffer.count <= place.count &- offset else { throw .short }
    var i = 0
    while i < buffer.count {
      buffer[i] = memory[place.lowerBound &+ offset &+ i]
      i &+= 1
    }
  }

  mutating func write(
    _ object: StorageObject, at offset: Int, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError) {
    guard let place = place(object) else { throw .notFound }
    guard buffer.count <= place.count &- offset else { throw .short }
    var i = 0
    while i < buffer.count {
      memory[place.lowerBound &+ offset &+ i] = buffer[i]
      i &+= 1
    }
  }

  mutating func publish(
    _ object: StorageObject, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError) {
    try create(object, byteCount: buffer.count)
    try write(object, at: 0, from: buffer)
  }

  mutating func remove(_ object: StorageObject) throws(StorageError) {
    if case .segment = object { hasSegment = false }
  }

  mutating func recycle(segment old: UInt64, as new: UInt64) throws(StorageError) { throw .full }

  mutating func freeByteCount() -> UInt64? { nil }
}

/// Ten registers of a Modbus meter on one line, every second.
func makeSampler(_ memory: inout Memory, request: ModbusRequest) -> Sampler {
  var bytes = ByteWriter(memory.take(ModbusRequest.byteCount, of: UInt8.self))
  request.write(into: &bytes)
  var lines = FixedTable(memory.take(1, of: LinePlan.self))
  lines.append(LinePlan(configuration: UARTConfiguration(baudRate: 9_600)))
  var devices = FixedTable(memory.take(1, of: DevicePlan.self))
  devices.append(DevicePlan(line: 0, meterProtocol: .modbusRTU, timeout: 500_000, attempts: 2))
  var channels = FixedTable(memory.take(1, of: ChannelPlan.self))
  channels.append(
    ChannelPlan(
      device: 0, channelIndex: 0, firstRequest: 0, requestCount: 1, period: 1_000_000, offset: 0))
  var requests = FixedTable(memory.take(1, of: RequestPlan.self))
  requests.append(RequestPlan(offset: 0, count: bytes.count))
  return Sampler(
    plan: PollPlan(
      lines: lines, devices: devices, channels: channels, requests: requests, bytes: bytes.written),
    memory: Sampler.Memory(
      lines: memory.take(1, of: LineState.self), devices: memory.take(1, of: DeviceState.self),
      channels: memory.take(1, of: ChannelState.self),
      bytes: memory.take(Sampler.bytesPerLine, of: UInt8.self)))
}

/// One poll: the request goes out, the answer of a meter comes in, the sink has the entry.
func poll(
  _ sampler: inout Sampler, _ request: ModbusRequest, _ memory: inout Memory, _ sink: inout OneEntry
)
  -> Bool
{
  var now = Instant(mono: 1_000_000, utc: 1_785_000_000_000_000, quality: .unknown)
  sampler.opened(line: 0, at: now, into: &sink)
  var steps = 0
  while sampler.output(line: 0).isEmpty {
    guard steps < 100 else { return false }
    steps &+= 1
    now.mono = now.mono &+ 100_000
    now.utc = now.utc &+ 100_000
    sampler.step(at: now, into: &sink)
  }
  sampler.sent(line: 0, count: sampler.output(line: 0).count, at: now)
  let registers = memory.take(request.replyDataByteCount, of: UInt8.self)
  var i = 0
  while i < registers.count {
    registers[i] = UInt8(truncatingIfNeeded: i)
    i &+= 1
  }
  var answer = ByteWriter(memory.take(ModbusRTU.frameByteCountMax, of: UInt8.self))
  ModbusServer.writeReply(to: request, data: UnsafeBufferPointer(registers).span, into: &answer)
  now.mono = now.mono &+ 50_000
  now.utc = now.utc &+ 50_000
  sampler.received(line: 0, answer.written, at: now, into: &sink)
  return sink.outcomeCount == 1 && !sink.writer.overflowed
}

/// Does all of it; 0 when the entry is in the journal and the tree, else the step that failed.
@_cdecl("run_ring0")
public func runRing0(_ start: UnsafeMutableRawPointer, _ byteCount: Int) -> Int32 {
  var memory = Memory(UnsafeMutableRawBufferPointer(start: start, count: byteCount))
  let configuration = JournalConfiguration(
    epoch: 1, originHash: Digest.zero, segmentByteCount: OneSegment.segmentByteCount,
    frameByteCountMax: 2 &* blockByteCount)
  // The journal's memory first: it is aligned as the block is.
  let journalMemory = memory.take(bytes: configuration.memoryByteCount)
  let storage = OneSegment(memory.take(bytes: OneSegment.byteCount))
  guard let request = ModbusRequest(unit: 1, function: .readHoldingRegisters, address: 0, count: 10)
  else { return 1 }
  var sink = OneEntry(writer: ByteWriter(memory.take(EntryType.byteLimit, of: UInt8.self)))
  var sampler = makeSampler(&memory, request: request)
  guard poll(&sampler, request, &memory, &sink) else { return 2 }
  let entry = sink.writer.written.span
  guard case .reading(let reading)? = try? Entry.decode(entry), reading.statusCode == 0 else {
    return 3
  }
  #if ALLOCATES
    var list: [UInt8] = []
    for i in 0..<entry.count { list.append(entry[i]) }
    guard list.count == entry.count else { return 4 }
  #endif
  var tiles = OpenTiles(memory.take(OpenTiles.digestCount, of: Digest.self))
  var journal = Journal(storage: storage, configuration: configuration, memory: journalMemory)
  do throws(JournalError) {
    _ = try journal.recover { _, _ in }
    guard journal.stage(entry) else { return 5 }
    try journal.commit()
  } catch {
    return 6
  }
  tiles.append(Tree.leaf(entry))
  return tiles.root() == Tree.leaf(entry) && journal.committedSize == 1 ? 0 : 7
}
