import HAL
import Journal

// The segments of a log in their order, each brought to where the chain of frames has come.
extension GatewayVerifier {
  struct Segment {
    var place: SegmentFiles.Place
    var sequence: UInt64 { place.sequence }
    var path: String { place.path }
    /// The header, if it is valid or one byte makes it so.
    var header: SegmentHeader?
    var isRepaired = false
  }

  mutating func checkSegments() throws(ReadFailure) {
    let segmentFiles = SegmentFiles(files)
    var segments: [Segment] = []
    for place in try segmentFiles.places() {
      var segment = Segment(place: place)
      if let bytes = try segmentFiles.bytes(&segment.place) { readHeader(bytes, &segment) }
      segments.append(segment)
    }
    skipGivenUp(&segments)
    for position in segments.indices {
      guard let bytes = try segmentFiles.bytes(&segments[position].place) else { continue }
      let segment = segments[position]
      // It was begun since the superblocks were read: nothing in it or behind it is signed by them.
      if segment.header == nil, beginsNow(segment, bytes) { break }
      if segment.place.isSealed, bytes.isEmpty {
        report.add(.damagedFile(path: segment.path, offset: nil))
      }
      let next = segments[(position + 1)...].first { $0.header != nil }
      enter(segment, bytes)
      walk(segment, bytes, to: next?.header?.firstIndex)
    }
  }

  private func beginsNow(_ segment: Segment, _ bytes: [UInt8]) -> Bool {
    var later = segment
    readHeader(bytes, &later)
    return later.header != nil
  }

  private func readHeader(_ bytes: [UInt8], _ segment: inout Segment) {
    guard bytes.count >= SegmentHeader.byteCount else { return }
    let sequence = segment.sequence
    let isOurs = { [epoch] (header: SegmentHeader?) in
      header.map { $0.epoch == epoch && UInt64($0.sequence) == sequence } ?? false
    }
    let head = Array(bytes[..<SegmentHeader.byteCount])
    if let header = SegmentHeader(head.span) {
      if isOurs(header) { segment.header = header }
      return
    }
    for repair in SingleByte.headerRepairs(of: head) {
      let header = SegmentHeader(repair.bytes.span)
      if isOurs(header) {
        segment.header = header
        segment.isRepaired = true
        return
      }
    }
  }

  /// Brings the chain to the start of a segment.
  private mutating func enter(_ segment: Segment, _ bytes: [UInt8]) {
    guard let header = segment.header else {
      // A segment given up before it had a header holds no frame; one that has lost it goes on with
      // what the chain says.
      if nextFrame(bytes, segment, from: blockByteCount, beyond: nil) != nil {
        report.add(.damagedFile(path: segment.path, offset: 0))
      }
      return
    }
    if segment.isRepaired { report.add(.damagedFile(path: segment.path, offset: 0)) }
    if header.firstIndex > index {
      let place = lastStop ?? (segment.path, 0)
      lose(index..<header.firstIndex, path: place.path, offset: place.offset)
    } else if header.firstIndex < index || header.previousChecksum != previousChecksum {
      report.add(.contradiction(path: segment.path))
    }
    index = header.firstIndex
    previousChecksum = header.previousChecksum
  }
}
