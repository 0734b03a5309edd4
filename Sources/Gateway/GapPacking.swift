import HAL
import Journal

/// How the entries of a gap are divided into frames, so that they fit where the frames that were lost stood.
///
/// Filling each frame to the brim is no way: an entry that does not fit any more leaves room that the last frame
/// may lack. So the division that takes the fewest blocks is sought, by way of the fewest for each number of
/// entries from the front. The frames that were lost are one such division; the best takes no more room than they.
struct GapPacking<Storage: BlockStorage & ~Copyable> {
  /// The most entries that a mended frame counts.
  private static var countMax: Int { 0xffff }

  /// The runs of entries, each for one frame; `nil` if they do not fit into `byteCount` bytes.
  ///
  /// `lengths` are those of the entries, `payloadByteCountMax` is the most that one frame takes of them.
  static func runs(
    lengths: [Int], into byteCount: Int, payloadByteCountMax: Int
  ) -> [Range<Int>]? {
    // Blocks of the best division of the first so many entries, and where its last frame begins.
    var blocks = [0]
    var starts = [0]
    for end in 1...max(lengths.count, 1) where end <= lengths.count {
      var best = Int.max
      var bestStart = end
      var payload = 0
      var start = end
      while start > 0, end - start < countMax {
        start -= 1
        payload += lengths[start] + 2
        guard payload <= payloadByteCountMax else { break }
        guard blocks[start] < Int.max else { continue }
        let count = blocks[start] + Journal<Storage>.blockCount(payloadByteCount: payload)
        if count <= best {
          best = count
          bestStart = start
        }
      }
      blocks.append(best)
      starts.append(bestStart)
    }
    guard blocks[lengths.count] <= byteCount / blockByteCount else { return nil }
    var runs: [Range<Int>] = []
    var end = lengths.count
    while end > 0 {
      runs.append(starts[end]..<end)
      end = starts[end]
    }
    runs.reverse()
    return runs
  }
}
