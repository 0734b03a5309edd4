import HAL
import Metering

/// Something that happened, and that explains readings or their absence.
///
///     [5, idx, boot, mono, utc, tq, code, [* argument], ? ext]
///
/// Example, 37 bytes, with the head of `ReadingEntry`'s example: slots 100 to 199 of channel 41 were
/// shed because the agent was not running.
///
///     88 05                                                        array of 8, event
///     1a00011173 11 1b00000014f46b0400 1b00065772b2ec9000 186e     head
///     07 84 1829 1864 18c7 04                                      shed [41, 100, 199, 4]
///
/// Example, 55 bytes, with the same head: a tool read registers 124 and 125 of Modbus unit 17 on the
/// second line of the site, and the answer took 5 ms.
///
///     88 05 …                                                      as above
///     0b 86 01 01                                                  lease [1, Modbus RTU,
///     48 11 03 00 7c 00 02 07 43  00                               the request, good,
///     19 1388  49 11 03 04 00 8d 00 8e fb bd                       5000 µs, the answer]
public struct EventEntry: Equatable, Sendable {
  /// What every entry begins with.
  public var head: EntryHead
  /// What happened, as encoded.
  public var eventCode: UInt64
  /// The array of arguments in the entry, with its head.
  public var arguments: Range<Int>
  /// Further fields.
  public var ext: EntryExtension

  /// What happened; the arguments in brackets.
  public enum Code: UInt8, Sendable {
    /// A device stopped answering [channel …].
    case deviceSilent = 1
    /// It answers again [channel …].
    case deviceAnswers = 2
    /// A port is gone [port].
    case portLost = 3
    /// It is back [port].
    case portReturned = 4
    /// The mirror cannot be reached.
    case linkDown = 5
    /// It can again.
    case linkUp = 6
    /// Slots were not attempted [channel, first slot, last slot, reason].
    case shed = 7
    /// The clock was set [old utc, new utc], µs.
    case clockStepped = 8
    /// Storage works, but not as it should [what].
    case storageDegraded = 9
    /// Entries were lost before they could be kept [count].
    case backlogOverflow = 10
    /// A tool used a line for one transaction
    /// [port, protocol, request, status, round trip µs / null, received / null].
    case lease = 11
    /// Entries that the epoch before could not deliver are logged anew in this one
    /// [old epoch, first index, end index, count]. The run is `first..<end` of the old epoch; `count` is how
    /// many of it were readings or events, each of which says by `CarriedFrom` where it stood.
    case carriedOver = 12
    /// The log has less room than it needs, or more again [step, thousandths of the room that are taken]. Step 0:
    /// all is polled; 1: what is not critical in every tenth slot; 2: totals alone; 3: nothing, events are
    /// logged; 4: the epoch before was closed, and what no mirror had of it was given up.
    case givingWay = 13
    /// Entries that the mirror has, or that are older than the site keeps them, were given up here [index]: those
    /// below the index.
    case entriesGivenUp = 14
    /// Entries were damaged on the medium and put back as the mirror has them [first index, end index]; none where the
    /// header of a segment was damaged, which needs no mirror.
    case mended = 15
  }

  /// Why slots were not attempted.
  public enum ShedReason: UInt8, Sendable, BitwiseCopyable {
    /// The device did not answer, and is asked less often.
    case backOff = 1
    /// The line was busy until the slot had passed.
    case lineBusy = 2
    /// The port was gone.
    case portLost = 3
    /// The agent was not running.
    case agentStopped = 4
    /// The entry ring was full.
    case ringFull = 5
    /// The agent was told to stop.
    case stopping = 6
    /// The wall clock was set forward over them.
    case clockStepped = 7
    /// A tool used the line while they passed.
    case manualAccess = 8
    /// The site was loaded anew: the channel had no part in it for a while, or the change came between.
    case siteReloaded = 9
    /// They were asked, and what was recorded of them is in the epoch before, or lost with it.
    case epochEnded = 10
    /// The log had no room for them.
    case givingWay = 11
  }

  /// Slots that were not attempted.
  public struct Shed: Equatable, Sendable, BitwiseCopyable {
    /// Index of the channel's config entry.
    public var channel: UInt64
    /// First slot.
    public var firstSlot: UInt64
    /// Last slot, not below the first.
    public var lastSlot: UInt64
    /// Why, as encoded.
    public var reasonCode: UInt64

    /// Takes the fields.
    public init(channel: UInt64, firstSlot: UInt64, lastSlot: UInt64, reason: ShedReason) {
      self.channel = channel
      self.firstSlot = firstSlot
      self.lastSlot = lastSlot
      self.reasonCode = wide(reason.rawValue)
    }
  }

  /// What happened; `nil` for a number that this version does not know.
  public var code: Code? { eventCode > 255 ? nil : Code(rawValue: low8(eventCode)) }

  /// How many arguments there are.
  public func argumentCount(in entry: Span<UInt8>) -> Int {
    var reader = CBORReader(entry, at: arguments.lowerBound)
    return (try? reader.array()) ?? 0
  }

  /// The unsigned argument at `index`; `nil` if there is none, or something else.
  public func argument(_ index: Int, in entry: Span<UInt8>) -> UInt64? {
    guard arguments.upperBound <= entry.count else { return nil }
    var reader = CBORReader(entry, at: arguments.lowerBound)
    guard let count = try? reader.array(), index >= 0, index < count else { return nil }
    var left = index
    while left > 0 {
      guard (try? reader.skip()) != nil else { return nil }
      left &-= 1
    }
    return try? reader.unsigned()
  }

  /// The slots of a shed event; `nil` for other events, and if the last slot is below the first.
  public func shed(in entry: Span<UInt8>) -> Shed? {
    guard code == .shed, let channel = argument(0, in: entry), let first = argument(1, in: entry),
      let last = argument(2, in: entry), let reason = argument(3, in: entry), first <= last
    else { return nil }
    var shed = Shed(channel: channel, firstSlot: first, lastSlot: last, reason: .backOff)
    shed.reasonCode = reason
    return shed
  }

  static func read(
    _ head: EntryHead, _ reader: inout CBORReader, hasExtension: Bool
  ) throws(CBORError) -> EventEntry {
    let code = try reader.unsigned()
    guard reader.nextMajorType == 4 else { throw .unexpectedType }
    let arguments = try reader.skip()
    let ext = try EntryExtension.read(&reader, present: hasExtension)
    return EventEntry(head: head, eventCode: code, arguments: arguments, ext: ext)
  }

  /// Starts an event whose `argumentCount` arguments the caller writes next (`writer.cbor(…)`).
  public static func begin(
    head: EntryHead, code: Code, argumentCount: Int, to writer: inout ByteWriter
  ) {
    head.write(.event, elements: 2, to: &writer)
    writer.append(code.rawValue)
    writer.cbor(arrayOf: argumentCount)
  }

  /// Writes an event with numbers as arguments.
  public static func write(
    head: EntryHead, code: Code, arguments: Span<UInt64>, to writer: inout ByteWriter
  ) {
    begin(head: head, code: code, argumentCount: arguments.count, to: &writer)
    for i in 0..<arguments.count { writer.cbor(arguments[i]) }
  }

  /// Writes that a tool used a line: number of the line in the site from 0, number of the protocol, the
  /// exact request, how it ended, µs until the last byte came, and what came.
  public static func writeLease(
    head: EntryHead, line: UInt64, protocolNumber: UInt8, request: UnsafeBufferPointer<UInt8>,
    status: ReadingStatus, roundTrip: UInt64?, raw: UnsafeBufferPointer<UInt8>,
    to writer: inout ByteWriter
  ) {
    begin(head: head, code: .lease, argumentCount: 6, to: &writer)
    writer.cbor(line)
    writer.cbor(wide(protocolNumber))
    writer.cbor(bytes: request)
    writer.cbor(wide(status.rawValue))
    writer.cbor(orNull: roundTrip)
    if raw.isEmpty { writer.cborNull() } else { writer.cbor(bytes: raw) }
  }

  /// Writes that slots were not attempted.
  public static func write(head: EntryHead, _ shed: Shed, to writer: inout ByteWriter) {
    begin(head: head, code: .shed, argumentCount: 4, to: &writer)
    writer.cbor(shed.channel)
    writer.cbor(shed.firstSlot)
    writer.cbor(shed.lastSlot)
    writer.cbor(shed.reasonCode)
  }
}
