import HAL
import Metering

// A medium that makes segments and refuses to write to them leaves one behind with each attempt. They stay where they
// are, so that the file system does not give their blocks out again, until their room is needed: then they go, for nothing
// of the log stands in them.
extension Journal where Storage: ~Copyable {
  /// Removes the segments that were given up before a frame of them was committed, sealed ones too, and returns how many
  /// went.
  ///
  /// The segment behind such a one begins at the same index, so that no entry lies between; one without a header holds no
  /// frame at all. The tail stays, whatever it holds, and so does what the next segment is made of.
  /// - Throws: `unreadable`, or `unwritable` when the medium refuses; what stands then is counted anew before it matters.
  @discardableResult
  public mutating func removeEmptySegments() throws(JournalError) -> UInt64 {
    precondition(isRecovered, "recover first")
    // What an attempt has removed that was reported as failed counts no more.
    if isCountDoubtful { try recountSegments() }
    var count: UInt64 = 0
    var end = committedSize
    var sequence = nextSequence
    while sequence > firstKept {
      sequence &-= 1
      let form = try form(of: sequence)
      if let found = try segment(sequence) {
        let isInUse = sequence == tail?.sequence || sequence == sealing.spare
        let isEmpty = found.header.firstIndex == end && !isInUse
        end = found.header.firstIndex
        guard isEmpty else { continue }
      } else {
        guard case .plain = form, try !holdsFrames(sequence) else { continue }
      }
      try removeEmpty(sequence, form)
      count &+= 1
    }
    if isCountDoubtful { try recountSegments() }
    return count
  }

  private mutating func removeEmpty(
    _ sequence: UInt64, _ form: SegmentForm
  ) throws(JournalError) {
    let object = StorageObject.segment(sequence: sequence)
    // A step of sealing may be under way, or its form stand beside it.
    if sequence == sealing.next { sealing.end() }
    isCountDoubtful = true
    window = Window()
    cursor = nil
    do throws(StorageError) { try storage.remove(object) } catch {
      throw .unwritable(object, offset: 0, error)
    }
    if case .plain(let byteCount, _) = form { plainByteCount &-= wide(count: byteCount) }
    sealing.measured = 0..<0
    sealing.measuredByteCount = 0
  }
}
