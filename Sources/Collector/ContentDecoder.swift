import CZlib

/// How a request body is encoded (`Content-Encoding`).
public enum ContentEncoding: Equatable, Sendable {
  /// As it is.
  case identity
  /// RFC 1952, one member or several.
  case gzip

  /// Reads the header's value; `nil` for an encoding that is not taken.
  public init?(header: String?) {
    switch header?.lowercased() {
    case nil, "", "identity": self = .identity
    case "gzip": self = .gzip
    default: return nil
    }
  }
}

/// The compressed stream breaks the rules of RFC 1952, or ends inside a member.
public struct DamagedStream: Error, Equatable, Sendable {
  /// Makes the error.
  public init() {}
}

/// Undoes a content encoding piece by piece, so that a small request cannot ask for much memory.
///
/// The caller takes at most `limit` bytes at a time and comes back for the rest: a gzip member
/// expands up to 1,032 times, and its size is known only at its end.
struct ContentDecoder: ~Copyable {
  private let encoding: ContentEncoding
  /// What was received and not decoded yet.
  private var input: [UInt8] = []
  private var position = 0
  private let stream: UnsafeMutablePointer<z_stream>
  /// The stream stands inside a member (not before the first, nor between two).
  private(set) var isInsideMember = false

  init(_ encoding: ContentEncoding) {
    self.encoding = encoding
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    // 15 window bits, +16: gzip framing with its checksum, nothing else (zlib.h, inflateInit2).
    let outcome = inflateInit2_(stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    precondition(outcome == Z_OK, "zlib refuses to start: out of memory or of another version")
  }

  deinit {
    inflateEnd(stream)
    stream.deinitialize(count: 1)
    stream.deallocate()
  }

  /// Adds what was received.
  mutating func feed(_ bytes: some Sequence<UInt8>) {
    if position > 0 {
      input.removeFirst(position)
      position = 0
    }
    input.append(contentsOf: bytes)
  }

  /// Appends decoded bytes to `output`, at most `limit`; returns how many. 0: nothing more for now.
  mutating func take(into output: inout [UInt8], limit: Int) throws(DamagedStream) -> Int {
    switch encoding {
    case .identity:
      let count = min(limit, input.count - position)
      output.append(contentsOf: input[position..<(position + count)])
      position += count
      return count
    case .gzip:
      return try inflate(into: &output, limit: limit)
    }
  }

  private mutating func inflate(
    into output: inout [UInt8], limit: Int
  ) throws(DamagedStream) -> Int {
    let start = output.count
    output.append(contentsOf: repeatElement(0, count: limit))
    var produced = 0
    var failed = false
    while produced < limit, position < input.count, !failed {
      let available = input.count - position
      var outcome = Z_OK
      input.withUnsafeMutableBufferPointer { source in
        output.withUnsafeMutableBufferPointer { target in
          guard let from = source.baseAddress, let to = target.baseAddress else { return }
          stream.pointee.next_in = from + position
          stream.pointee.avail_in = UInt32(available)
          stream.pointee.next_out = to + start + produced
          stream.pointee.avail_out = UInt32(limit - produced)
          outcome = CZlib.inflate(stream, Z_NO_FLUSH)
        }
      }
      isInsideMember = true
      position += available - Int(stream.pointee.avail_in)
      produced = limit - Int(stream.pointee.avail_out)
      switch outcome {
      case Z_OK, Z_BUF_ERROR:
        if outcome == Z_BUF_ERROR && produced < limit && position < input.count { failed = true }
      case Z_STREAM_END:
        // RFC 1952 §2.2: members simply follow one another.
        isInsideMember = false
        failed = inflateReset(stream) != Z_OK
      default: failed = true
      }
    }
    output.removeLast(limit - produced)
    if failed { throw DamagedStream() }
    return produced
  }
}
