import MeterProtocols
import Metering
import ReadingStore
import TransparencyLog

/// The frames that have come so far of an answer in several frames, each in an entry of its own.
///
/// Its rows are made when it ends, at the index of its first frame. Until then its entries stand in
/// every batch, so that whoever goes on from the cursor goes on with them.
struct OpenAnswer {
  /// A device answers a request once at a time. What a new epoch carries over was answered before, and
  /// stands between what it asks now.
  struct Key: Hashable {
    let channel: UInt64
    let request: UInt64
    let isCarried: Bool

    init(_ reading: ReadingEntry, _ bytes: Span<UInt8>) {
      channel = reading.channel
      request = reading.request
      isCarried = reading.ext.carriedFrom(in: bytes) != nil
    }
  }

  /// How an answer ended.
  struct End {
    /// Why there is no value beyond the frames that came.
    var reason: NoData
    /// The status for those values; `nil`: that of the first frame.
    var status: UInt64?
  }

  /// The last part that a gateway asks for: DL/T 645 numbers parts with one byte.
  static let lastPart: UInt64 = 255

  private let boot: UInt64
  private let slot: UInt64?
  private(set) var frames: [StoredFrame]

  /// An answer of which the first frame came.
  init(_ reading: ReadingEntry, _ bytes: Span<UInt8>) {
    boot = reading.head.boot
    slot = reading.slot
    frames = []
    append(reading, bytes)
  }

  mutating func append(_ reading: ReadingEntry, _ bytes: Span<UInt8>) {
    frames.append(
      StoredFrame(
        index: reading.head.index, entry: bytes.withUnsafeBufferPointer { Array($0) }))
  }

  /// The reading carries part `part` of this answer, and that is the one that is due.
  func isContinued(by reading: ReadingEntry, part: UInt64) -> Bool {
    boot == reading.head.boot && slot == reading.slot && part == UInt64(frames.count)
  }

  /// What the entries of a store held open, by request.
  static func all(_ frames: [StoredFrame]) throws(CBORError) -> [Key: OpenAnswer] {
    var answers: [Key: OpenAnswer] = [:]
    for frame in frames {
      let bytes = frame.entry.span
      guard case .reading(let reading) = try Entry.decode(bytes) else { continue }
      let key = Key(reading, bytes)
      if answers[key] == nil {
        answers[key] = OpenAnswer(reading, bytes)
      } else {
        answers[key]?.append(reading, bytes)
      }
    }
    return answers
  }

  /// The values of `points`, each with the status of its row, and the reading they belong to.
  func values(
    of points: [ChannelRules.RatedPoint], _ end: End
  ) throws(CBORError) -> (reading: ReadingEntry, values: [(Result<Decimal, NoData>, UInt64)])? {
    guard let first = frames.first, case .reading(let reading) = try Entry.decode(first.entry.span)
    else { return nil }
    let raws = try rawFrames()
    let values = withUnsafeTemporaryAllocation(
      of: UInt8.self, capacity: DLT645Answer.byteCountMax
    ) { memory in
      var answer = DLT645Answer(memory)
      for (part, raw) in raws.enumerated() { answer.take(raw.span, part: part) }
      var values: [(Result<Decimal, NoData>, UInt64)] = []
      for point in points {
        guard let rule = point.rule else {
          values.append((.failure(.overflow), reading.statusCode))
          continue
        }
        let value = answer.decode(rule)
        values.append(
          value == .failure(.malformed)
            ? (.failure(end.reason), end.status ?? reading.statusCode)
            : (value, reading.statusCode))
      }
      return values
    }
    return (reading, values)
  }

  private func rawFrames() throws(CBORError) -> [[UInt8]] {
    var raws: [[UInt8]] = []
    for frame in frames {
      // An entry without a frame ends what can be read, like one with a frame of something else.
      guard case .reading(let reading) = try Entry.decode(frame.entry.span), let raw = reading.raw
      else { break }
      raws.append(Array(frame.entry[raw]))
    }
    return raws
  }
}
