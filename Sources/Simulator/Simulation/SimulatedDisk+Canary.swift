extension SimulatedDisk {
  /// The last frame of the newest log is gone, and nothing says so: for the canary.
  func dropLastFrame() {
    let newest = volumes.count - 1
    for at in volumes[newest].segments.indices.reversed() {
      guard let last = volumes[newest].segments[at].frames.last else { continue }
      for offset in last..<volumes[newest].segments[at].bytes.count {
        volumes[newest].segments[at].bytes[offset] = 0
      }
      return
    }
  }
}
