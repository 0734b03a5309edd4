import HostHAL
import TransparencyLog

/// Writes what a simulated gateway has on its medium as the directory that a real one would have: `tally verify` takes
/// it, and a `tallyd` that goes on with it hands it to a collector.
struct SimulatedDirectory {
  private let path: String

  init(_ path: String) { self.path = path }

  /// Writes site, keys and log.
  func write(_ outcome: SeedOutcome) throws(SiteProblem) {
    try SiteProblem.file { () throws(FileError) in
      let gateway = path + "/gateway"
      try Files.makeDirectory(gateway + "/keys")
      try Files.replace(path + "/site.yaml", with: outcome.site)
      let secret = Array((outcome.gatewaySecret.hex + "\n").utf8)
      try Files.replace(gateway + "/keys/log.key", with: secret, mode: 0o600)
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
