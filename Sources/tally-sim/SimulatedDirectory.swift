import HostHAL

/// Writes what a simulated gateway has on its medium as the directory that a real one would have, which
/// `tally verify` and a collector take.
struct SimulatedDirectory {
  private let path: String

  init(_ path: String) { self.path = path }

  /// Writes site, public keys and log. Files that are there are replaced, others left.
  func write(_ outcome: SeedOutcome) throws(SiteProblem) {
    try SiteProblem.file { () throws(FileError) in
      let gateway = path + "/gateway"
      try Files.makeDirectory(gateway + "/keys")
      try Files.replace(path + "/site.yaml", with: outcome.site)
      try Files.replace(gateway + "/keys/log.vkey", with: Array((outcome.gatewayKey + "\n").utf8))
      try Files.replace(
        gateway + "/keys/mirror.vkey", with: Array((outcome.mirrorKey + "\n").utf8))
      for (epoch, object, bytes) in outcome.objects {
        let file = gateway + "/log/\(epoch)/" + FileBlockStorage.name(of: object)
        try Files.makeDirectory(Files.parent(of: file))
        try Files.replace(file, with: bytes)
      }
    }
  }
}
