import Metering
import Synchronization

/// One live value, as a gateway posts it and a screen gets it.
public struct LiveValue: Codable, Equatable, Sendable {
  /// Number of the device in the site.
  public var device: UInt64
  /// What the site calls the device.
  public var label: String
  /// Key of the quantity.
  public var quantity: String
  /// Decimal text, or `nil` without a value.
  public var value: String?
  /// UCUM code.
  public var unit: String
  /// Microseconds since 1970.
  public var utc: UInt64
  /// Outcome of the poll (`ReadingStatus`).
  public var status: UInt64

  /// Writes a missing value as `null`, as it came.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(device, forKey: .device)
    try container.encode(label, forKey: .label)
    try container.encode(quantity, forKey: .quantity)
    try container.encode(value, forKey: .value)
    try container.encode(unit, forKey: .unit)
    try container.encode(utc, forKey: .utc)
    try container.encode(status, forKey: .status)
  }
}

/// The body of `POST /api/live`: newest values of one gateway. Preliminary, unsigned, never reported.
public struct LivePost: Codable, Equatable, Sendable {
  /// Origin of the gateway's log, of whichever epoch.
  public var origin: String
  /// Drawn at each start of the gateway's agent; `nil` of a board, which has many posts.
  public var session: UInt64?
  /// How often values had changed in that session when the post was made.
  public var change: UInt64?
  /// The values.
  public var values: [LiveValue]

  /// The longest body; a thousand values are about 150 KB.
  public static let maximumByteCount = 1_024 * 1_024
}

/// The answer of `GET /api/live`.
public struct LiveAnswer: Codable, Equatable, Sendable {
  /// One post for each gateway, each with its newest values.
  public var gateways: [LivePost]
}

/// The newest value of each stream, in memory only: it is gone at a restart and comes back with the
/// next poll.
public final class LiveBoard: Sendable {
  private struct Key: Hashable {
    var device: UInt64
    var quantity: String
  }
  private struct Board {
    /// Of the post that came last.
    var origin: String
    var session: UInt64?
    var change: UInt64?
    var values: [Key: LiveValue] = [:]
  }
  /// By gateway: a new epoch goes on with the streams of the old one.
  private let boards = Mutex<[String: Board]>([:])

  /// Streams of one gateway that are kept; further ones are dropped.
  public static let maximumStreamCount = 4_096

  /// An empty board.
  public init() {}

  /// Takes over all values of a post, in the order in which posts arrive.
  ///
  /// Not in the order of their times: a gateway has one post under way at a time, so what arrives later
  /// was read later, also after its clock was set back. By time, a screen would then show the old value
  /// until the clock is where it was. A post that a network held up, or sends twice, is passed over: the later one
  /// of the same session has more changes, and all that the earlier one brought.
  public func post(_ post: LivePost) {
    let gateway = EpochName(post.origin)?.identity ?? post.origin
    boards.withLock { boards in
      var board = boards[gateway] ?? Board(origin: post.origin)
      if board.origin == post.origin, let session = post.session, session == board.session,
        let change = post.change, let last = board.change, change < last
      {
        return
      }
      board.origin = post.origin
      board.session = post.session
      board.change = post.change
      for value in post.values {
        let key = Key(device: value.device, quantity: value.quantity)
        if board.values[key] == nil, board.values.count >= Self.maximumStreamCount { continue }
        board.values[key] = value
      }
      boards[gateway] = board
    }
  }

  /// Everything, by origin, device and quantity.
  public func snapshot() -> LiveAnswer {
    let all = boards.withLock { Array($0.values) }.sorted { $0.origin < $1.origin }
    let posts = all.map { board in
      LivePost(
        origin: board.origin,
        values: board.values.values.sorted {
          ($0.device, $0.quantity) < ($1.device, $1.quantity)
        })
    }
    return LiveAnswer(gateways: posts)
  }
}
