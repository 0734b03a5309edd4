import HostHAL
import TransparencyLog

/// Writes what a simulated gateway has on its medium as the directory that a real one would have: `tally verify` takes
/// it, and a `tallyd` that goes on with it hands it to a collector.
struct SimulatedDirectory {
  private let path: String

  /// What stands above the site.
  private static let advice = """
    # The mirror key below is that of the simulated collector, and nobody has its private half. To hand this log to a
    # collector of yours, write its url and its vkey (tally-collector init prints it) below mirror:, and enroll the
    # gateway there with gateway/keys/log.vkey.
    # 下面的镜像公钥属于仿真的汇集端，无人持有其私钥。要交给自己的汇集端，请将 mirror: 下的 url 和 vkey（tally-collector init 会打印）
    # 改为该汇集端的，并在该处用 gateway/keys/log.vkey 登记网关。

    """

  init(_ path: String) { self.path = path }

  /// Writes site, keys and log.
  func write(_ outcome: SeedOutcome) throws(SiteProblem) {
    try SiteProblem.file { () throws(FileError) in
      let gateway = path + "/gateway"
      try Files.makeDirectory(gateway + "/keys")
      // In the file only: the log has the site as it was simulated.
      try Files.replace(
        path + "/site.yaml", with: Array(SimulatedDirectory.advice.utf8) + outcome.site)
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
