import TransparencyLog

extension CollectorVerifier {
  /// How many entries are stored, where no good note says so: all full bundles, and of the block after
  /// them the widest part. Where directories cannot be listed only that of the unsigned note is tried.
  func storedSize(unsigned: Checkpoint?) throws(ReadFailure) -> UInt64 {
    var block: UInt64 = 0
    while try files.read(TilePath(.entries, index: block).text) != nil { block += 1 }
    var width = 0
    if let list = files.list {
      let names = try list(TilePath(.entries, index: block).text + ".p")
      width = names.compactMap { Int($0) }.filter { (1...255).contains($0) }.max() ?? 0
    } else if let unsigned, unsigned.size / 256 == block, unsigned.size % 256 > 0 {
      let claimed = Int(unsigned.size % 256)
      let path = TilePath(.entries, index: block, width: claimed).text
      if try files.read(path) != nil { width = claimed }
    }
    return block * 256 + UInt64(width)
  }
}
