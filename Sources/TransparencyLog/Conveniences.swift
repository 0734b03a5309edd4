#if !hasFeature(Embedded)
  import HAL

  extension ByteWriter {
    /// What `body` writes into memory of `limit` bytes, as an array; traps if it does not fit. For
    /// tools and the head end.
    public static func bytes(
      limit: Int = 8_192, _ body: (inout ByteWriter) -> Void
    ) -> [UInt8] {
      [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
        var writer = ByteWriter(buffer)
        body(&writer)
        precondition(!writer.overflowed, "the limit is too small for what is written")
        count = writer.count
      }
    }
  }

  extension TilePath {
    /// The path as a string.
    public var text: String {
      String(decoding: ByteWriter.bytes(limit: 64) { write(to: &$0) }, as: UTF8.self)
    }

    /// Reads a path; `nil` for anything else.
    public init?(_ text: String) {
      guard let path = TilePath.parse(Array(text.utf8).span) else { return nil }
      self = path
    }
  }

  extension Base64 {
    /// The text for the bytes of a digest.
    public static func text(_ digest: Digest) -> String { text(digest.span) }

    /// The text for `bytes`.
    public static func text(_ bytes: Span<UInt8>) -> String {
      let limit = (bytes.count + 2) / 3 * 4
      return String(
        decoding: ByteWriter.bytes(limit: limit) { write(bytes, to: &$0) }, as: UTF8.self)
    }

    /// The bytes that a text stands for; `nil` unless it is canonical.
    public static func bytes(_ text: Span<UInt8>) -> [UInt8]? {
      guard let count = decodedCount(text) else { return nil }
      return ByteWriter.bytes(limit: count) { _ = decode(text, to: &$0) }
    }
  }

  extension Proof: Equatable {
    /// Takes hashes; `nil` for more than 63.
    public init?(_ hashes: [Digest]) {
      // Not on `self`: with -O, Swift 6.3.1 then returns a proof without a hash.
      var proof = Proof()
      for hash in hashes {
        guard proof.push(hash) else { return nil }
      }
      self = proof
    }

    /// The hashes as an array.
    public var array: [Digest] { (0..<count).map { self[$0] } }

    /// All hashes are equal.
    public static func == (left: Proof, right: Proof) -> Bool { left.array == right.array }
  }
#endif
