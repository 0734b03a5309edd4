import HostHAL
import Journal
import TransparencyLog

// A log whose front was given up: it is verified from the summary on.
extension GatewayVerifier {
  /// Goes on behind the entries that were given up: the signed root proves that the summary of them is right.
  mutating func readSummary() throws(ReadFailure) {
    report.givenUp = minimumIndex
    var newest: (index: UInt64, tree: TreeBuilder)?
    for path in ["summary.a", "summary.b"] {
      guard let bytes = try files.read(path), let summary = LogSummary(bytes.span),
        summary.epoch == epoch, summary.originHash == policy.logKey.name.hash,
        summary.index >= max(minimumIndex, newest?.index ?? 0),
        let hashes = tileHashes(Array(bytes[summary.hashes]), count: summary.hashes.count / 32),
        let tree = TreeBuilder(size: summary.index, hashes: hashes)
      else { continue }
      newest = (summary.index, tree)
    }
    guard let newest else {
      report.add(.missingFile(path: "summary.a"))
      firstLost = 0
      return
    }
    report.givenUp = newest.index
    tree = newest.tree
  }

  /// Brings the chain to the first segment that is kept, and leaves out those before it.
  mutating func skipGivenUp(_ segments: inout [Segment]) {
    guard minimumIndex > 0,
      let first = segments.lastIndex(where: {
        $0.header.map { $0.firstIndex <= minimumIndex } ?? false
      }),
      let header = segments[first].header
    else { return }
    segments.removeFirst(first)
    index = header.firstIndex
    previousChecksum = header.previousChecksum
    // What the documents among them say is not known here.
    audit.skip(index)
  }
}
