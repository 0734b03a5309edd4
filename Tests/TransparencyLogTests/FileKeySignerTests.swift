import Foundation
import HAL
import HostCrypto
import Testing
import TransparencyLog

@Suite struct FileKeySignerTests {
  private let directory: String

  init() throws {
    directory = NSTemporaryDirectory() + "tallystick-keys-\(SecureRandom.hexText(byteCount: 8))"
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true)
  }

  private func signed(_ signer: inout FileKeySigner) -> Signature? {
    Array("message".utf8).withUnsafeBufferPointer { signer.sign($0) }
  }

  @Test func `a key is made once, read again, and signs the same`() throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let path = directory + "/log.key"
    var made = try FileKeySigner.create(path: path)
    var loaded = try FileKeySigner.load(path: path)
    let signatures = (signed(&made), signed(&loaded))
    let first = try #require(signatures.0)
    let second = try #require(signatures.1)
    for i in 0..<64 { #expect(first[i] == second[i]) }
    let text = try String(contentsOfFile: path, encoding: .utf8)
    #expect(text.count == 65 && text.hasSuffix("\n"))
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    let key = made.publicKey
    let good = Array("message".utf8).withUnsafeBufferPointer {
      SodiumVerifier().verify(first, over: $0, with: key)
    }
    let bad = Array("massage".utf8).withUnsafeBufferPointer {
      SodiumVerifier().verify(first, over: $0, with: key)
    }
    #expect(good && !bad)
    do {
      _ = try FileKeySigner.create(path: path)
      Issue.record("a second key was made")
    } catch {
      #expect(error == .exists(path: path))
    }
  }

  @Test func `the vkey file is written, kept, and put right`() throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let signer = try FileKeySigner.loadOrCreate(path: directory + "/log.key")
    let name = try #require(KeyName("sim.tallystick.invalid/gw/sim-0001/1"))
    let path = directory + "/log.vkey"
    for _ in 0..<2 {
      try signer.publishVKey(path: path, name: name, type: .log)
      let text = try String(contentsOfFile: path, encoding: .utf8)
      #expect(text == "\(signer.verifierKey(name: name, type: .log))\n")
      try "something else\n".write(toFile: path, atomically: true, encoding: .utf8)
    }
  }

  @Test(arguments: [0o640, 0o604, 0o660, 0o601, 0o620])
  func `a key that others can reach is refused, with what to do`(mode: Int) throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let path = directory + "/log.key"
    _ = try FileKeySigner.create(path: path)
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    do {
      _ = try FileKeySigner.load(path: path)
      Issue.record("an open key was taken")
    } catch {
      #expect(error == .openToOthers(path: path, mode: UInt32(mode)))
      #expect(error.english.contains("chmod 600 \(path)"))
      #expect(error.chinese.contains("chmod 600 \(path)"))
    }
  }

  @Test(arguments: [
    "", "\n", "00\n", String(repeating: "0", count: 64),
    "G" + String(repeating: "0", count: 63) + "\n",
    String(repeating: "A", count: 64) + "\n", String(repeating: "0", count: 65) + "\n",
    String(repeating: "0", count: 400),
  ])
  func `a file that is no key is refused`(text: String) throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let path = directory + "/log.key"
    _ = FileManager.default.createFile(
      atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
    do {
      _ = try FileKeySigner.load(path: path)
      Issue.record("taken as a key")
    } catch {
      #expect(error == .malformed(path: path))
    }
  }

  @Test func `a missing key, a link and a directory are told apart from a key`() throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let path = directory + "/log.key"
    do {
      _ = try FileKeySigner.load(path: path)
      Issue.record("taken as a key")
    } catch {
      #expect(error == .missing(path: path))
    }
    do {
      _ = try FileKeySigner.load(path: directory)
      Issue.record("taken as a key")
    } catch {
      #expect(error == .malformed(path: directory))
    }
    _ = try FileKeySigner.create(path: path)
    try FileManager.default.createSymbolicLink(
      atPath: directory + "/link", withDestinationPath: path)
    do {
      _ = try FileKeySigner.load(path: directory + "/link")
      Issue.record("a link was followed")
    } catch {
      guard case .system = error else {
        Issue.record("\(error)")
        return
      }
    }
  }

  @Test func `secrets are compared whole`() {
    #expect(equalInConstantTime([], []))
    #expect(equalInConstantTime([1, 2], [1, 2]))
    #expect(!equalInConstantTime([1, 2], [1, 3]))
    #expect(!equalInConstantTime([1, 2], [1, 2, 3]))
    #expect(SecureRandom.hexText(byteCount: 16) != SecureRandom.hexText(byteCount: 16))
    var random = SecureRandom()
    let (a, b) = (random.next(), random.next())
    #expect(a != b)
  }
}
