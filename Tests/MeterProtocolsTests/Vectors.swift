import FuzzKit
import Foundation
import HAL
import Testing

/// A frame that somebody else published, with what it means and where it comes from.
struct Vector: CustomTestStringConvertible, Sendable {
  let id: String
  let frame: [UInt8]
  let meaning: String
  let expected: [String: Value]
  let checksumValid: Bool

  var testDescription: String { "\(id): \(meaning)" }

  enum Value: Decodable, Sendable {
    case number(Double)
    case text(String)
    case numbers([Double])
    case named([String: Double])

    init(from decoder: any Decoder) throws {
      let value = try decoder.singleValueContainer()
      if let number = try? value.decode(Double.self) {
        self = .number(number)
      } else if let text = try? value.decode(String.self) {
        self = .text(text)
      } else if let numbers = try? value.decode([Double].self) {
        self = .numbers(numbers)
      } else {
        self = .named(try value.decode([String: Double].self))
      }
    }
  }

  func number(_ key: String) -> Double? {
    guard case .number(let value)? = expected[key] else { return nil }
    return value
  }

  func integer(_ key: String) -> Int? { number(key).map { Int($0) } }

  func text(_ key: String) -> String? {
    guard case .text(let value)? = expected[key] else { return nil }
    return value
  }

  func numbers(_ key: String) -> [Double]? {
    guard case .numbers(let value)? = expected[key] else { return nil }
    return value
  }
}

/// The vectors that stand beside the tests.
enum Vectors {
  private struct Row: Decodable {
    let id: String
    let hex: String
    let meaning: String
    let expected: [String: Vector.Value]
    let source: String
    let checksumValid: Bool
  }

  static func load(_ name: String) -> [Vector] {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appending(path: "Vectors/\(name)")
    guard let data = try? Data(contentsOf: file),
      let rows = try? JSONDecoder().decode([Row].self, from: data)
    else { fatalError("cannot read \(file.path)") }
    return rows.map {
      Vector(
        id: $0.id, frame: bytes($0.hex), meaning: $0.meaning, expected: $0.expected,
        checksumValid: $0.checksumValid)
    }
  }

  static let modbus = load("modbus-rtu.json")
  static let dlt645 = load("dlt645-2007.json")

  static func modbus(_ id: String) -> Vector { find(modbus, id) }
  static func dlt645(_ id: String) -> Vector { find(dlt645, id) }

  static func find(_ all: [Vector], _ id: String) -> Vector {
    guard let vector = all.first(where: { $0.id == id }) else { fatalError("no vector \(id)") }
    return vector
  }
}

/// The bytes that hexadecimal digits, with or without spaces, stand for.
func bytes(_ hex: String) -> [UInt8] {
  let digits = hex.compactMap(\.hexDigitValue)
  return stride(from: 0, to: digits.count - 1, by: 2).map {
    UInt8(digits[$0] << 4 | digits[$0 + 1])
  }
}

/// What `body` writes.
func written(_ body: (inout ByteWriter) -> Void) -> [UInt8] {
  let buffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 512)
  defer { buffer.deallocate() }
  var writer = ByteWriter(buffer)
  body(&writer)
  precondition(!writer.overflowed)
  return Array(writer.written)
}

extension FuzzRandom {
  mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
  }
}
