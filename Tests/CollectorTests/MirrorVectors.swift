import Foundation
import TransparencyLog

/// `Vectors/mirror.json`: 700 entries in three uploads, with every answer.
struct MirrorVectors: Decodable {
  struct Key: Decodable {
    var name: String
    var seedHex: String
    var vkey: String
  }
  struct Keys: Decodable {
    var log: Key
    var mirror: Key
  }
  struct Entries: Decodable {
    var bundleBase64: [String: String]
  }
  struct Package: Decodable {
    var entries: [Int]
    var bytes: Int
    var proofHex: [String]
  }
  struct Request: Decodable {
    var path: String
    var length: Int
    var sha256: String
    var text: String?
    var hex: String?
    var headerHex: String?
    var packages: [Package]?
    var madeFrom: String?
    var gzipBase64: String?
    var headers: [String: String]?
  }
  struct Response: Decodable {
    var status: Int
    var contentType: String?
    var body: String?
  }
  struct State: Decodable, Equatable {
    var pending: UInt64?
    var mirrorCheckpoint: UInt64
    var nextEntry: UInt64
  }
  struct Step: Decodable {
    var name: String
    var before: State
    var after: State
    var request: Request
    var response: Response
    var cosignatureTime: UInt64?

    var number: String { String(name.prefix(3)) }
  }
  struct File: Decodable {
    var length: Int
    var sha256: String
  }
  var origin: String
  var originHashHex: String
  var keys: Keys
  var entries: Entries
  var checkpoints: [String: String]
  var ticketHex: String
  var steps: [Step]
  /// Paths by size; two members of `served` are not sizes.
  var served: [String: ServedItem]

  enum ServedItem: Decodable {
    case files([String: File])
    case text(String)

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let text = try? container.decode(String.self) {
        self = .text(text)
      } else {
        self = .files(try container.decode([String: File].self))
      }
    }
  }

  static let directory = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "Vectors")

  static func load() throws -> MirrorVectors {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(
      MirrorVectors.self, from: Data(contentsOf: directory.appending(path: "mirror.json")))
  }

  /// All 700 entries with their lengths.
  func bundledEntries() throws -> [[UInt8]] {
    var list: [[UInt8]] = []
    for number in 0..<3 {
      let bytes = [UInt8](
        try require(Data(base64Encoded: entries.bundleBase64["\(number)"] ?? "")))
      var offset = 0
      while offset < bytes.count {
        let end = offset + 2 + Int(bytes[offset]) << 8 + Int(bytes[offset + 1])
        list.append([UInt8](bytes[offset..<end]))
        offset = end
      }
    }
    return list
  }

  /// The body of a step as it is sent.
  func body(of step: Step, entries: [[UInt8]]) throws -> [UInt8] {
    let request = step.request
    if let text = request.text { return Array(text.utf8) }
    if let header = request.headerHex {
      return (request.packages ?? []).reduce(bytes(hex: header)) { body, package in
        body + entries[package.entries[0]..<package.entries[1]].flatMap { $0 }
          + [UInt8(package.proofHex.count)] + package.proofHex.flatMap { bytes(hex: $0) }
      }
    }
    if let hex = request.hex { return bytes(hex: hex) }
    let whole = try body(of: try self.step("1.6"), entries: entries)
    switch request.madeFrom {
    case "body of 1.6": return whole
    case "first 5000 bytes of 1.6": return Array(whole.prefix(5_000))
    case "body of 1.6, last byte of entry 7 XOR 01":
      var altered = whole
      altered[45 + entries[0...7].reduce(0) { $0 + $1.count } - 1] ^= 1
      return altered
    default: return try require(nil)
    }
  }

  func step(_ number: String) throws -> Step {
    try require(steps.first { $0.number == number })
  }
}

struct Missing: Error {}

func require<Value>(_ value: Value?) throws -> Value {
  guard let value else { throw Missing() }
  return value
}

func bytes(hex: String) -> [UInt8] {
  let digits = Array(hex.utf8)
  var bytes = [UInt8](repeating: 0, count: digits.count / 2)
  var target = bytes.mutableSpan
  precondition(Hex.read(digits.span, into: &target), "not hexadecimal: \(hex)")
  return bytes
}

func sha256(_ bytes: [UInt8]) -> String { SHA256.hash(bytes.span).hex }
