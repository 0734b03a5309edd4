extension SimulatedDisk {
  /// The last frame of the newest log is gone, and nothing says so: for the canary.
  func dropLastFrame() {
    let newest = volumes.count - 1
    for at in volumes[newest].segments.indices.reversed() {
      let (sequence, bytes) =
        (volumes[newest].segments[at].sequence, volumes[newest].segments[at].bytes)
      // A frame of an earlier use of the segment names another one.
      let frames = stride(from: 4_096, to: bytes.count, by: 4_096).filter { frame in
        bytes[frame..<frame + 4].elementsEqual("TSJF".utf8)
          && (0..<4).allSatisfy {
            bytes[frame + 12 + $0] == UInt8(truncatingIfNeeded: sequence >> ($0 * 8))
          }
      }
      guard let last = frames.last else { continue }
      for offset in last..<bytes.count { volumes[newest].segments[at].bytes[offset] = 0 }
      return
    }
  }
}
