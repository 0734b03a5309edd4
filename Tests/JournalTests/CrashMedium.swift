import HAL
import MemoryStorage

/// What is known to be durable when an operation begins, and what may be there besides.
struct Promise: Equatable {
  /// Entries that were handed to the journal, in order; those after the last commit may or may not be there.
  var offered: [[UInt8]] = []
  /// How many of them `commit` has returned for.
  var committedCount = 0
  var signedSize: UInt64 = 0
  var acknowledgedSize: UInt64 = 0
  /// Entries below it were given up: `recordMinimum` has returned.
  var minimumIndex: UInt64 = 0
  /// The same as soon as `recordMinimum` was called.
  var givenUpIndex: UInt64 = 0
  var bootCounter: UInt32 = 0
  /// Objects beside the log that `publish` has returned for.
  var published: [String: [UInt8]] = [:]
}

/// The objects of a medium by their names.
typealias Image = [String: [UInt8]]

/// A medium that keeps each operation with the state that it found, so that every state in which a loss of
/// power may leave it can be made afterwards.
final class CrashMedium {
  /// What an operation changes.
  enum Change {
    case nothing
    /// In place: any of its 512-byte sectors may be there after a cut.
    case write(String, offset: Int, [UInt8])
    /// Whole or not at all; `nil` removes.
    case whole(String, [UInt8]?)
    /// Under the one name or the other.
    case rename(String, as: String)

    /// With another byte in the middle.
    fileprivate var damaged: Change {
      func damaged(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        bytes[bytes.count / 3] ^= 0x20
        return bytes
      }
      switch self {
      case .write(let name, let offset, let bytes):
        return .write(name, offset: offset, damaged(bytes))
      case .whole(let name, let bytes?): return .whole(name, damaged(bytes))
      case .nothing, .whole, .rename: return self
      }
    }
  }
  /// Which operation of `BlockStorage` it is.
  enum Kind {
    case size, segmentRange, create, read, write, publish, remove, rename, syncDirectory
  }
  struct Operation {
    var kind: Kind
    var change: Change
    var before: Image
    /// A name that a loss of power may give back to what has another one `before`.
    var unsynced: Renaming?
    var promise: Promise
  }
  /// A segment whose new name everybody sees, and the medium may not have.
  struct Renaming {
    var old: String
    var new: String

    /// What stands where the medium does not have it.
    func undone(in image: Image) -> Image { image.applying(.rename(new, as: old)) }
  }
  /// How one operation fails: before or after it is done; without an error it changes a byte on its way.
  struct Failure {
    var operation: Int
    var error: StorageError?
    var isDone: Bool
  }

  private(set) var image: Image
  private(set) var operations: [Operation] = []
  /// For the operations that follow.
  var promise: Promise
  var failure: Failure?
  /// Between the beginning of a start and the end of its recovery.
  var isStarting = false
  /// Until the directory is synced.
  private(set) var unsynced: Renaming?

  init(_ image: Image = [:], promise: Promise = Promise()) {
    self.image = image
    self.promise = promise
  }

  /// Counts an operation and does it, unless it is to fail.
  func perform(_ kind: Kind, _ change: Change = .nothing) throws(StorageError) {
    operations.append(
      Operation(kind: kind, change: change, before: image, unsynced: unsynced, promise: promise))
    let failure = failure.flatMap { $0.operation == operations.count ? $0 : nil }
    if let error = failure?.error, failure?.isDone == false { throw error }
    image.apply(failure?.error == nil && failure != nil ? change.damaged : change)
    if case .rename(let old, let new) = change { unsynced = Renaming(old: old, new: new) }
    if let error = failure?.error { throw error }
    if kind == .syncDirectory || change.syncsSegments { unsynced = nil }
  }

  /// Calls `body` with every state that a loss of power may leave now.
  func forEachEnd(_ body: (Image) -> Void) {
    body(image)
    if let unsynced { body(unsynced.undone(in: image)) }
  }
}

extension CrashMedium.Change {
  /// The directory of the segments is synced when it returns.
  fileprivate var syncsSegments: Bool {
    if case .whole(let name, _) = self { name.segmentSequence != nil } else { false }
  }
}

extension CrashMedium.Operation {
  /// Calls `body` with every state that a loss of power in the middle may leave.
  func forEachCut(_ body: (Image) -> Void) {
    before.forEachCut(change) { image in
      body(image)
      guard let unsynced, !change.syncsSegments || image == before else { return }
      body(unsynced.undone(in: image))
    }
  }
}

extension Image {
  /// Does all of a change.
  mutating func apply(_ change: CrashMedium.Change) {
    switch change {
    case .nothing: break
    case .whole(let name, let bytes): self[name] = bytes
    case .rename(let old, let new): self[new] = removeValue(forKey: old)
    case .write(let name, let offset, let bytes):
      self[name]?.replaceSubrange(offset..<offset + bytes.count, with: bytes)
    }
  }

  /// With all of a change.
  func applying(_ change: CrashMedium.Change) -> Image {
    var image = self
    image.apply(change)
    return image
  }

  /// The sectors of a write that differ from what stands there: no others can be told from it.
  func changedSectors(_ change: CrashMedium.Change) -> [Int] {
    guard case .write(let name, let offset, let bytes) = change, let all = self[name] else {
      return []
    }
    return stride(from: 0, to: bytes.count, by: 512).filter {
      all[offset + $0..<offset + $0 + 512] != bytes[$0..<$0 + 512]
    }
  }

  /// Calls `body` with every state that a loss of power in the middle of `change` may leave: none of it
  /// first, all of it last, and in between every subset of the sectors that it changes.
  fileprivate func forEachCut(_ change: CrashMedium.Change, _ body: (Image) -> Void) {
    body(self)
    switch change {
    case .nothing: return
    case .whole, .rename: break
    case .write(let name, let offset, let bytes):
      let sectors = changedSectors(change)
      precondition(sectors.count <= 12, "a workload whose states can be counted")
      let all = 1 << sectors.count
      for subset in 1..<Swift.max(all - 1, 1) {
        var image = self
        for (bit, sector) in sectors.enumerated() where subset >> bit & 1 == 1 {
          image.apply(
            .write(name, offset: offset + sector, Array(bytes[sector..<sector + 512])))
        }
        body(image)
      }
      if sectors.isEmpty { return }
    }
    body(applying(change))
  }
}

/// The medium as a journal sees it.
struct CrashStorage: BlockStorage {
  let medium: CrashMedium

  mutating func size(of object: StorageObject) throws(StorageError) -> Int? {
    try medium.perform(.size)
    return medium.image[MemoryBlockStorage.name(object)]?.count
  }

  mutating func segmentRange() throws(StorageError) -> ClosedRange<UInt64>? {
    try medium.perform(.segmentRange)
    let sequences = medium.image.keys.compactMap { $0.segmentSequence }
    guard let low = sequences.min(), let high = sequences.max() else { return nil }
    return low...high
  }

  mutating func create(_ object: StorageObject, byteCount: Int) throws(StorageError) {
    let zeros = [UInt8](repeating: 0, count: byteCount)
    try medium.perform(.create, .whole(MemoryBlockStorage.name(object), zeros))
  }

  mutating func read(
    _ object: StorageObject, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) throws(StorageError) {
    try medium.perform(.read)
    guard let bytes = medium.image[MemoryBlockStorage.name(object)] else { throw .notFound }
    guard offset + buffer.count <= bytes.count else { throw .short }
    bytes.withUnsafeBytes {
      buffer.copyMemory(
        from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + buffer.count]))
    }
  }

  mutating func write(
    _ object: StorageObject, at offset: Int, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError) {
    let name = MemoryBlockStorage.name(object)
    guard let count = medium.image[name]?.count else { throw .notFound }
    guard offset + buffer.count <= count else { throw .short }
    try medium.perform(.write, .write(name, offset: offset, [UInt8](buffer)))
  }

  mutating func publish(
    _ object: StorageObject, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError) {
    try medium.perform(.publish, .whole(MemoryBlockStorage.name(object), [UInt8](buffer)))
  }

  mutating func remove(_ object: StorageObject) throws(StorageError) {
    try medium.perform(.remove, .whole(MemoryBlockStorage.name(object), nil))
  }

  mutating func recycle(segment old: UInt64, as new: UInt64) throws(StorageError) {
    let change = CrashMedium.Change.rename(
      MemoryBlockStorage.name(.segment(sequence: old)),
      as: MemoryBlockStorage.name(.segment(sequence: new)))
    // As in `FileBlockStorage`: the name is the new one at once, and stays it once the directory is synced.
    try medium.perform(.rename, change)
    try medium.perform(.syncDirectory)
  }

  mutating func freeByteCount() -> UInt64? { nil }
}

extension String {
  /// The number of the segment that has this name.
  var segmentSequence: UInt64? { hasPrefix("segment.") ? UInt64(dropFirst(8)) : nil }
}
