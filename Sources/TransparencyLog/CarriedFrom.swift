import HAL
import Metering

/// Where an entry was logged first that a new epoch logs anew.
///
///     ext key 7 of a reading or an event: [epoch, idx]
///
///     epoch  number of the epoch, of the same gateway, below that of the log it now stands in
///     idx    its index in that epoch's log
///
/// An epoch that ends before all of it is delivered leaves readings that nobody has. The next one logs them
/// again, each at a new place, with its own times, frame and outcome; only `idx` and `ch` are those of the
/// new log. Whether the old log had delivered it after all the gateway may not know, so the same reading
/// can come twice: who reads both logs tells it by this place and its times. An entry that is carried over
/// a second time keeps the place it has: that of its first log names it in every later one.
///
/// The times belong to the comparison: where a medium was set back, the old epoch may have delivered
/// another entry at this place.
///
/// Example: entry 70,003 of epoch 1.
///
///     a1 07 82 01 1a00011173
public struct CarriedFrom: Equatable, Sendable, BitwiseCopyable {
  /// Number of the epoch, from 1.
  public var epoch: UInt64
  /// Index in the log of that epoch.
  public var index: UInt64

  /// Takes the fields.
  public init(epoch: UInt64, index: UInt64) {
    self.epoch = epoch
    self.index = index
  }
}

extension EntryExtension {
  /// Where the entry was logged first; `nil` if this is the first time, or if the item is none.
  public func carriedFrom(in entry: Span<UInt8>) -> CarriedFrom? {
    guard let item = item(ReadingEntry.Key.carriedFrom, in: entry) else { return nil }
    var reader = CBORReader(entry, at: item.lowerBound)
    guard let count = try? reader.array(), count == 2, let epoch = try? reader.unsigned(),
      let index = try? reader.unsigned(), epoch > 0
    else { return nil }
    return CarriedFrom(epoch: epoch, index: index)
  }
}

extension Entry {
  /// Where the entry was logged first; `nil` if this is the first time, as it always is for what is not carried
  /// over. `bytes` are those that it was decoded from.
  public func carriedFrom(in bytes: Span<UInt8>) -> CarriedFrom? {
    switch self {
    case .reading(let reading): reading.ext.carriedFrom(in: bytes)
    case .event(let event): event.ext.carriedFrom(in: bytes)
    case .boot, .config, .other: nil
    }
  }
}
