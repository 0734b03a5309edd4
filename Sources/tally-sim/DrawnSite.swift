import Catalog
import Gateway
import HAL
import HostCrypto
import HostHAL
import Simulator
import SiteComposition
import TransparencyLog
import Uplink

/// A site that a seed determines: its file as a technician would write it, and the meters on its lines.
struct DrawnSite {
  /// The site file.
  let yaml: [UInt8]
  /// The site as the agent reads it.
  let site: Site
  /// Bytes that the log may take.
  let quotaByteCount: Int
  /// Bytes that fit on the medium.
  let mediumByteCount: Int
  /// Its full segments become shorter when they are sealed: half of the sites fill their room with plain ones.
  let isCompressing: Bool
  /// Bytes of the queue between the halves of the agent.
  let queueByteCount: Int

  /// Draws a site of `deviceCount` devices on the board `native/simulation`.
  ///
  /// - Parameters:
  ///   - mirrorKey: the mirror's verifier key.
  ///   - mebibytes: what the log may take; `nil` draws that, too.
  static func draw(
    deviceCount: Int, mirrorKey: String, quota mebibytes: Int?, share: Share,
    entropy: inout SeededEntropy
  ) throws(SiteProblem) -> DrawnSite {
    let board = try board(in: share)
    let profiles = share.profileNames
    guard !profiles.isEmpty else { throw .noShare([share.path]) }
    let perLine = board.limits.devicesPerLine
    let lineCount = min(
      board.ports.count,
      max(1 + Int(entropy.next() % UInt64(deviceCount)), (deviceCount + perLine - 1) / perLine))
    var lines = (0..<lineCount).map { DrawnLine(port: board.ports[$0].name, &entropy) }
    for number in 1...deviceCount {
      lines[(number - 1) % lineCount].devices.append(
        DrawnDevice(number: number, profile: profiles, &entropy))
    }
    let intervals = [
      (200, 5_000), (1_000, 5_000), (1_000, 60_000), (2_000, 10_000), (5_000, 60_000),
    ]
    let (commit, checkpoint) = intervals[Int(entropy.next() % 5)]
    let segment = [256 << 10, 1 << 20, 4 << 20][Int(entropy.next() % 3)]
    let large = max((16 << 20) << Int(entropy.next() % 4), 8 * segment)
    // Of a copy, so that a seed draws the same site as before segments were sealed.
    var further = entropy
    let isCompressing = further.next() & 1 == 0
    // One in four overflows while its medium hesitates.
    let queueByteCount = further.next() & 3 == 0 ? 1 << 14 : Limits.ringByteCount
    // A quota of less ends epochs at once: eight segments and a reserve must fit. One in four has no more, so that two hours
    // without a mirror fill it.
    let least = 8 * segment
    let quota = mebibytes.map { max($0 << 20, least) } ?? (further.next() & 3 == 0 ? least : large)
    // And one medium in four has room for eight segments to sixteen, whatever the quota.
    let few = further.next() & 3 == 0 ? Int(further.next() % 9) + 8 : nil
    // Whoever asks too much of a line is told so; asking half as often is what a person would do.
    var refused: [Finding] = []
    for slowness in [1, 2, 4, 8, 16, 32, 64, 128] {
      let yaml = Array(
        text(lines, slowness: slowness, commit, checkpoint, segment, mirrorKey: mirrorKey).utf8)
      let (site, found) = Site.check(yaml: yaml, path: "site.yaml", share: share)
      if let site {
        return DrawnSite(
          yaml: yaml, site: site, quotaByteCount: quota,
          mediumByteCount: few.map { min($0 * segment, quota) + (1 << 20) } ?? 2 * quota,
          isCompressing: isCompressing,
          queueByteCount: queueByteCount)
      }
      refused = found
    }
    throw .findings(refused)
  }

  private static func board(in share: Share) throws(SiteProblem) -> Board {
    let path = share.boardPath("native/simulation")
    let bytes = try SiteProblem.file { () throws(FileError) in try Files.read(path) }
    let (board, findings) = Board.parse(yaml: bytes, file: path)
    guard let board else { throw .findings(findings) }
    return board
  }

  private static func text(
    _ lines: [DrawnLine], slowness: Int, _ commit: Int, _ checkpoint: Int, _ segment: Int,
    mirrorKey: String
  ) -> String {
    var text = """
      tallystick: 1
      origin:
        domain: sim.tallystick.invalid
        serial: drawn
      timezone: Asia/Shanghai
      board: native/simulation
      mirror:
        url: http://127.0.0.1:8470
        vkey: \(mirrorKey)
      log:
        commit_ms: \(commit)
        checkpoint_ms: \(checkpoint)
        segment_bytes: \(segment)
      lines:

      """
    for line in lines {
      text += "  - name: \(line.port)\n    port: \(line.port)\n    baud: \(line.baud)\n"
      text += "    format: \(line.format)\n    devices:\n"
      for (place, device) in line.devices.enumerated() {
        text += """
                - number: \(device.number)
                  label: {en: Meter \(device.number), zh: 仪表 \(device.number)}
                  address: \(device.address(place: place))
                  profile: \(device.profile)
                  period_ms: \(device.period * slowness)
                  critical: \(device.isCritical)

          """
      }
    }
    return text
  }

  /// The gateway as the simulation takes it.
  func gateway<Key: Signer & ~Copyable, Verifier: SignatureVerifier>(
    origin: @escaping (UInt32) -> KeyName, mirrorKey: VerifierKey, verifier: Verifier,
    makeMirrorKey: @escaping () -> Key, makeKey: @escaping () -> Key, catchUp: CatchUpBudget?
  ) -> SimulatedGateway<Key, Verifier> {
    SimulatedGateway(
      site: Composition(site: site).pollSite(origin: origin(1), epoch: 1), origin: origin,
      mirrorKey: mirrorKey,
      timing: RecorderTiming(
        commit: UInt64(site.log.commitMilliseconds) * 1_000,
        checkpoint: UInt64(site.log.checkpointMilliseconds) * 1_000,
        checkpointEntries: UInt64(site.log.checkpointEntryCount)),
      catchUp: catchUp, segmentByteCount: site.log.segmentByteCount,
      quotaByteCount: UInt64(quotaByteCount), isCompressing: isCompressing,
      queueByteCount: queueByteCount, makeKey: makeKey,
      makeMirrorKey: makeMirrorKey, verifier: verifier)
  }

  /// The lines of the site with their meters.
  func simulatedLines(faults: FaultModel, entropy: inout SeededEntropy) -> [SimulatedLine] {
    var lines: [SimulatedLine] = []
    for line in site.lines {
      var meters: [EmulatedMeter] = []
      for device in line.devices {
        meters.append(EmulatedMeter(model: DrawnSite.model(device, &entropy)))
        // Somebody gave a second meter the same address.
        if entropy.next() % 1_000_000 < UInt64(faults[.duplicateAddress]) {
          meters.append(EmulatedMeter(model: DrawnSite.model(device, &entropy)))
        }
      }
      lines.append(SimulatedLine(configuration: line.uart, meters: meters))
    }
    return lines
  }

  /// A meter that answers all that the device's profile asks.
  private static func model(_ device: Device, _ entropy: inout SeededEntropy) -> MeterModel {
    let noise = Noise(seed: entropy.next(), channel: 0)
    return MeterModel(
      meterProtocol: device.profile.meterProtocol, address: device.address,
      turnaroundMicroseconds: UInt32(device.profile.turnaroundMilliseconds) * 1_000
        / UInt32(1 + entropy.next() % 4),
      blocks: device.profile.requests.map { request in
        MeterBlock(
          place: request.query.place,
          points: request.points.map { point in
            MeterPoint(
              rule: point.rule,
              signal: Signal(
                source: .constant(Double(entropy.next() % 10_000) / 10),
                bound: NoiseBound(relative: 0.01), noise: noise))
          })
      })
  }
}

private struct DrawnLine {
  let port: String
  let baud: Int
  let format: String
  var devices: [DrawnDevice] = []

  init(port: String, _ entropy: inout SeededEntropy) {
    self.port = port
    baud = [2_400, 9_600, 19_200, 115_200][Int(entropy.next() % 4)]
    format = ["8N1", "8E1"][Int(entropy.next() % 2)]
  }
}

private struct DrawnDevice {
  let number: Int
  let profile: String
  let period: Int
  let isCritical: Bool

  init(number: Int, profile profiles: [String], _ entropy: inout SeededEntropy) {
    self.number = number
    profile = profiles[Int(entropy.next() % UInt64(profiles.count))]
    period = [1_000, 2_000, 5_000, 10_000, 60_000][Int(entropy.next() % 5)]
    isCritical = entropy.next() % 4 == 0
  }

  /// Modbus: a unit identifier; DL/T 645: twelve digits.
  func address(place: Int) -> String {
    guard profile.hasPrefix("dlt645") else { return String(place + 1) }
    let digits = String(202_600_000_000 + number)
    return "\"\(digits)\""
  }
}
