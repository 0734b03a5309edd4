import HostHAL
import TransparencyLog
import Uplink

/// The directory that packages are written to and acknowledgements are found in: a stick, or the inbox of a data diode.
///
/// It is never made here: where a stick is not mounted there is no directory, and nothing is written to the disk below.
/// One thread at a time.
public struct PackageDirectory: Sendable {
  private let path: String
  private let cursor: PackageCursor
  private let origin: KeyName
  /// What was found last under the name of an acknowledgement.
  private var found: [UInt8]?
  private var isSwept = false

  /// The most bytes of an acknowledgement: a note of a few lines.
  private static let noteByteLimit = 16_384

  /// The directory `path` for the log of `origin`; nothing is read or made yet.
  public init(path: String, cursor: PackageCursor, origin: KeyName) {
    self.path = path
    self.cursor = cursor
    self.origin = origin
  }

  /// Does what the client asks for and looks what is there; blocks for as long as the medium takes.
  ///
  /// A package is written under another name, synced, renamed, and the directory synced; only then is it remembered as
  /// written. What the last look found gets another name after what came of it is durable.
  public mutating func perform(_ request: PackageRequest) -> PackageAnswer {
    do throws(FileError) {
      guard let status = try Files.status(of: path) else { throw .notFound(path: path) }
      guard status.kind == .directory else { throw .wrongKind(path: path) }
      if let package = request.package {
        try sweep()
        try Files.replace(place(package.name), with: package.bytes)
      }
      // Without it packages are written twice after the next start, which is no reason to hold them up.
      if let size = request.writtenSize { try? cursor.keep(size, of: origin) }
      if let isTaken = request.acknowledgementWasTaken { try settle(isTaken) }
      if request.wasHeard {
        try rename(PackageName.again(origin), adding: ".taken")
      }
      found = try read(PackageName.acknowledgement(origin))
      return PackageAnswer(acknowledgement: found, again: try read(PackageName.again(origin)))
    } catch {
      return PackageAnswer(failure: LinkFailure(error))
    }
  }

  private func place(_ name: [UInt8]) -> String {
    path + "/" + String(decoding: name, as: UTF8.self)
  }

  /// Removes once what an interrupted write left behind.
  private mutating func sweep() throws(FileError) {
    guard !isSwept else { return }
    let stem = String(decoding: PackageName.stem(origin), as: UTF8.self) + "~"
    for name in try Files.names(in: path)
    where name.hasPrefix(stem) && name.hasSuffix("\(PackageFile.suffix).tmp") {
      try Files.remove(path + "/" + name)
    }
    isSwept = true
  }

  /// Renames the acknowledgement that was judged, unless another has taken its place since.
  private func settle(_ isTaken: Bool) throws(FileError) {
    let name = PackageName.acknowledgement(origin)
    guard let now = try read(name), now == found else { return }
    try rename(name, adding: isTaken ? ".taken" : ".refused")
  }

  private func rename(_ name: [UInt8], adding suffix: String) throws(FileError) {
    guard Files.exists(place(name)) else { return }
    try Files.rename(place(name), to: place(name) + suffix)
  }

  private func read(_ name: [UInt8]) throws(FileError) -> [UInt8]? {
    do throws(FileError) {
      return try Files.readFile(place(name), limit: PackageDirectory.noteByteLimit)
    } catch {
      switch error {
      case .notFound: return nil
      // Whatever it is, it is none: an empty one is refused by name.
      case .tooLarge, .wrongKind: return []
      default: throw error
      }
    }
  }
}

/// How far a log stands in packages, in a file beside the log: the stick is no place for it, for sticks are swapped.
///
///     <origin> <size> <check> LF          mrv.example/gw/7f3a01c2/1 555 3f4a4cc3c03ad34f
///
/// `check` is the first 8 bytes of the SHA-256 of what stands before its blank, in hexadecimal digits. The file may be lost, and
/// one that is not whole or says more than is signed counts as lost: packages are then written again from what was
/// acknowledged last.
public struct PackageCursor: Sendable {
  private let path: String

  /// The file, below the data directory of a gateway.
  public init(data: String) { path = data + "/packaged" }

  /// How many entries of this log stand in packages; 0 if nothing is known.
  public func size(of origin: KeyName) -> UInt64 {
    guard let bytes = try? Files.read(path, limit: 1_024) else { return 0 }
    let stem = Array("\(origin) ".utf8)
    guard bytes.starts(with: stem) else { return 0 }
    let digits = bytes[stem.count...].prefix { $0 != 0x20 }
    guard let size = UnsignedText.read(Array(digits).span),
      bytes == PackageCursor.line(size, of: origin)
    else { return 0 }
    return size
  }

  /// Remembers it durably.
  func keep(_ size: UInt64, of origin: KeyName) throws(FileError) {
    try Files.replace(path, with: PackageCursor.line(size, of: origin))
  }

  private static func line(_ size: UInt64, of origin: KeyName) -> [UInt8] {
    let text = Array("\(origin) \(size)".utf8)
    var hash = SHA256()
    hash.update(text.span)
    let check = "\(hash.finalize())".prefix(16)
    return text + Array(" \(check)\n".utf8)
  }
}

extension LinkFailure {
  /// What a failed file operation means for the packages.
  init(_ error: FileError) {
    switch error {
    case .notFound: self = .directoryMissing
    case .noSpace: self = .directoryFull
    case .readOnly: self = .directoryReadOnly
    case .notPermitted: self = .directoryDenied
    case .wrongKind, .tooLarge, .locked, .system: self = .directoryFails
    }
  }
}
