import ArgumentParser
import Catalog
import CommandLineFrame
import HAL
import HostCrypto
import HostHAL
import Simulator
import TransparencyLog
import Uplink

/// `tally-sim run`: the deterministic simulation of the whole gateway.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: """
      Simulates a whole gateway in virtual time, with faults. 在虚拟时间中带故障地仿真整台网关。
      """,
    discussion: """
      A seed determines the site, the faults and everything that happens; the same seed gives the same trace. \
      Exit code 1 when something happened that must never happen.
      种子决定站点、故障和全部过程；相同种子得到相同轨迹。出现绝不允许的情况时退出码为 1。
      """)

  @Option(help: "The first seed (default: 1). 首个种子（默认 1）。") var seed: UInt64?
  @Option(help: "How many seeds, one after the other (default: 1). 依次运行的种子数（默认 1）。")
  var count: UInt64?
  @Option(help: "Devices, 1 to 64; drawn from 1 to 8 if not given. 设备数，1 至 64；缺省抽取 1 至 8。")
  var devices: Int?
  @Option(help: "Virtual hours in which anything may fail. 允许故障的虚拟小时数。") var hours: UInt64 = 2
  @Option(help: "Of these, the first in which nothing gets through. 其中最初不通的小时数。")
  var offline: UInt64 = 0
  @Option(
    help: """
      MiB that the log may take, 16 to 65536, and at least eight segments; drawn from 16 to 128 if not given. \
      日志容量上限（MiB），16 至 65536，且至少八个日志段；缺省抽取 16 至 128。
      """
  )
  var quota: Int?
  @Option(
    help: """
      drawn, none, or a file with version: 1 and lines as power-cut: 30, so many a day or in a million opportunities. \
      drawn（抽取）、none（无）或故障率文件：version: 1 及 power-cut: 30 等行，即每天或每百万次机会的次数。
      """)
  var faults = "none"
  @Option(
    help: """
      Run this seed again and print the trace around what failed, or all of it where nothing did. \
      重放该种子并打印失败前后的轨迹；未失败则打印全部。
      """)
  var replay: UInt64?
  @Option(
    help: """
      With --replay: so many seconds before and after (default: 60). 与 --replay 合用：前后秒数（默认 60）。
      """)
  var around: UInt64?
  @Option(
    help: """
      Directory for the gateway's data directory as it is at the end, and its site file: for tally verify, and for \
      a tallyd that goes on with it, once mirror: in site.yaml names the url and vkey of a collector of yours. \
      存放运行结束时网关数据目录及站点文件的目录，供 tally verify 核验或由 tallyd 继续运行（须先将 site.yaml 中 mirror: 的 url 和 vkey 改为自己的汇集端）。
      """)
  var out: String?
  @Option(
    help: ArgumentHelp(
      """
      For developers: do on files below this directory, too, what the agent asks of its storage, and list it in \
      the file operations. 开发用：在此目录下的真实文件上同样执行代理的存储操作，并列入文件 operations。
      """, visibility: .hidden))
  var storage: String?
  @Option(help: "Directory with profiles, boards and plant. 含 profiles、boards 和 plant 的目录。")
  var share: String?
  @Flag(help: "Plant a defect: the run must fail. 植入缺陷：运行必须失败。") var canary = false
  @OptionGroup var texts: LanguageOption

  mutating func run() throws {
    do {
      let world = try SimulationWorld(
        share: share, devices: devices, hours: hours, offline: offline, quota: quota,
        faults: faults, hasCanary: canary)
      try checkUsage()
      var hasFailed = false
      let begin = HostClock.threadMicroseconds()
      var pollCount: UInt64 = 0
      for number in 0..<(count ?? 1) {
        let outcome = try world.run(
          seed: replay ?? (seed ?? 1) &+ number, keepsLines: replay != nil,
          storage: storage.map(StorageOnFiles.init), keepsObjects: out != nil)
        pollCount += outcome.result.pollCount
        if let out { try SimulatedDirectory(out).write(outcome) }
        if replay != nil {
          writeStandardOutput(
            outcome.result.traceText(around: min(around ?? 60, 1 << 40) * 1_000_000))
        }
        writeStandardOutput(RunText.outcome(outcome).text(texts.language) + "\n")
        if outcome.result.faultCounts.contains(where: { $0 > 0 }) {
          writeStandardOutput(RunText.faults(outcome).text(texts.language) + "\n")
        }
        if !outcome.result.violations.isEmpty { hasFailed = true }
      }
      if replay == nil {
        let used = HostClock.threadMicroseconds() - begin
        writeStandardOutput(
          RunText.rate(polls: pollCount, microseconds: used).text(texts.language) + "\n")
      }
      if hasFailed { throw ExitCode(1) }
    } catch let problem as SiteProblem {
      writeStandardError(problem.text(texts.language) + "\n")
      throw ExitCode(problem.code)
    }
  }
}

extension RunCommand {
  /// What no run could make sense of.
  private func checkUsage() throws(SiteProblem) {
    if let count, count == 0 {
      throw .badOption(name: "count", value: "0", expected: "1 …")
    }
    if let around, replay == nil {
      throw .badUse(
        english:
          "--around \(around): expected only beside --replay SEED: nothing is printed around it",
        chinese: "--around \(around)：只能与 --replay 种子 合用，否则不打印轨迹")
    }
    if let replay, seed != nil || count != nil {
      throw .badUse(
        english: "--replay \(replay): expected no --seed and no --count beside it",
        chinese: "--replay \(replay)：不能与 --seed 或 --count 合用")
    }
    if let out { try checkPlace(out) }
  }

  /// The directory of `--out` can take a gateway: told before the run, not after it.
  private func checkPlace(_ out: String) throws(SiteProblem) {
    guard count ?? 1 == 1 else {
      throw .badUse(
        english: "--out \(out): expected one seed, found --count \(count ?? 1): leave --count out",
        chinese: "--out \(out)：应为一个种子，实为 --count \(count ?? 1)：请去掉 --count")
    }
    if let status = try? Files.status(of: out), status.kind != .directory {
      throw .badUse(
        english:
          "--out \(out): found a file, expected a directory or a name that is not taken: choose another",
        chinese: "--out \(out)：实为文件，应为目录或尚未使用的名称：请另选")
    }
    guard !Files.exists(out + "/gateway") else {
      throw .badUse(
        english:
          "--out \(out): found \(out)/gateway, expected a directory that holds no gateway yet: remove it or "
          + "choose another",
        chinese: "--out \(out)：已有 \(out)/gateway，应为尚无网关的目录：请将其删除或另选目录")
    }
    do throws(FileError) { try Files.makeDirectory(out) } catch {
      throw .badUse(
        english:
          "--out \(out): the directory cannot be made: \(error.english). Expected: a place where this user may "
          + "write; choose another",
        chinese: "--out \(out)：无法创建目录：\(error.chinese)。应为当前用户可写之处：请另选")
    }
  }
}

/// What a seed came to, with what it was drawn from.
struct SeedOutcome {
  let seed: UInt64
  let deviceCount: Int
  let hours: UInt64
  let result: SimulationResult
  let site: [UInt8]
  let gatewayKey: String
  /// Seed of its private half; it protects nothing.
  let gatewaySecret: Digest
  let mirrorKey: String
  let objects: [(epoch: UInt32, object: StorageObject, bytes: [UInt8])]
}

/// Makes worlds from seeds.
struct SimulationWorld {
  private let share: Share
  private let devices: Int?
  private let hours: UInt64
  private let offline: UInt64
  private let quota: Int?
  private let model: SimulatedFaults
  private let hasCanary: Bool
  private let plant: Plant

  init(
    share option: String?, devices: Int?, hours: UInt64, offline: UInt64, quota: Int?,
    faults: String, hasCanary: Bool
  ) throws(SiteProblem) {
    if let devices, !(1...64).contains(devices) {
      throw .badOption(name: "devices", value: String(devices), expected: "1 … 64")
    }
    guard (1...100_000).contains(hours) else {
      throw .badOption(name: "hours", value: String(hours), expected: "1 … 100000")
    }
    guard offline <= hours else {
      throw .badOption(name: "offline", value: String(offline), expected: "0 … \(hours)")
    }
    if let quota, !(16...65_536).contains(quota) {
      throw .badOption(name: "quota", value: String(quota), expected: "16 … 65536")
    }
    var tried: [String] = []
    guard let share = Share.locate(option: option, tried: &tried) else { throw .noShare(tried) }
    self.share = share
    self.devices = devices
    self.hours = hours
    self.offline = offline
    self.quota = quota
    self.hasCanary = hasCanary
    model = try SimulatedFaults(faults)
    let path = share.path + "/plant/gas-turbine-2014.csv"
    let bytes = try SiteProblem.file { () throws(FileError) in try Files.read(path) }
    do {
      plant = Plant(hours: try PlantTable.hours(String(decoding: bytes, as: UTF8.self)), seed: 1)
    } catch {
      throw .badData(path, error)
    }
  }

  /// Runs one seed. `storage` does what the agent asks of its medium; `keepsObjects`: what stands there at the end is wanted.
  func run(
    seed: UInt64, keepsLines: Bool, storage: StorageOnFiles?, keepsObjects: Bool
  ) throws(SiteProblem) -> SeedOutcome {
    var entropy = SeededEntropy(seed: seed)
    let deviceCount = devices ?? 1 + Int(entropy.next() % 8)
    let faults = model.model(&entropy)
    let mirrorKey = SimulationWorld.key("mirror", seed).verifierKey(
      name: SimulationWorld.name("sim.tallystick.invalid/m1"), type: .cosigner)
    let drawn = try DrawnSite.draw(
      deviceCount: deviceCount, mirrorKey: "\(mirrorKey)", quota: quota, share: share,
      entropy: &entropy)
    var plan = SimulationPlan(seed: seed, safety: hours * 3_600_000_000, faults: faults)
    plan.keepsLines = keepsLines
    plan.hasCanary = hasCanary
    plan.mediumByteCount = drawn.mediumByteCount
    plan.offline = offline * 3_600_000_000
    let verifier = RememberingVerifier(SodiumVerifier())
    let gateway = drawn.gateway(
      origin: SimulationWorld.origin, mirrorKey: mirrorKey, verifier: verifier,
      makeMirrorKey: { RememberingSigner(SimulationWorld.key("mirror", seed), verifier) },
      makeKey: { RememberingSigner(SimulationWorld.key("gateway", seed), verifier) },
      catchUp: budget(of: drawn.site, seed: seed))
    let simulation = Simulation(
      plan, gateway: gateway, lines: drawn.simulatedLines(faults: faults, entropy: &entropy),
      plant: plant)
    if let storage { simulation.onStorageCall { storage.take($1, epoch: $0) } }
    let result = simulation.run()
    try storage?.finish()
    return SeedOutcome(
      seed: seed, deviceCount: deviceCount, hours: hours, result: result, site: drawn.yaml,
      gatewayKey: SimulationWorld.key("gateway", seed).verifierKey(
        name: SimulationWorld.origin(UInt32(result.epochs)), type: .log
      ).description,
      gatewaySecret: SimulationWorld.secret("gateway", seed), mirrorKey: "\(mirrorKey)",
      // What the files of `storage` are compared with is what the simulated medium has.
      objects: !keepsObjects
        ? [] : storage == nil ? simulation.plainObjects : simulation.objects)
  }

  /// What the record may send: nothing is limited, or all that the run can leave behind drains in a fourth of the hour of
  /// rest at most. Drawn from the seed by itself, so that site and faults do not depend on it.
  private func budget(of site: Site, seed: UInt64) -> CatchUpBudget? {
    var entropy = SeededEntropy(seed: seed ^ 0xB0D9_E700)
    let factor: UInt64 = [0, 4, 16, 64][Int(entropy.next() % 4)]
    let perHour = UInt64(site.uploadBytesPerDay) / 24
    guard factor > 0 else { return nil }
    return CatchUpBudget(
      byteCount: max(4_000, perHour * (hours + 1) * factor / 3_600), seconds: 1)
  }

  private static func origin(_ epoch: UInt32) -> KeyName {
    name("sim.tallystick.invalid/gw/drawn/\(epoch)")
  }

  private static func name(_ text: String) -> KeyName {
    guard let name = KeyName(text) else { preconditionFailure("\(text) is a key name") }
    return name
  }

  /// A key of the simulation; it protects nothing.
  private static func key(_ role: String, _ seed: UInt64) -> FileKeySigner {
    do { return try FileKeySigner(seed: secret(role, seed).bytes) } catch {
      preconditionFailure("libsodium takes any seed")
    }
  }

  private static func secret(_ role: String, _ seed: UInt64) -> Digest {
    SHA256.hash(Array("\(role) \(seed)".utf8).span)
  }
}
