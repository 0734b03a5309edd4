import Gateway
import HAL
import HostCrypto
import MeterProtocols
import Metering
import Sampling
import Testing
import TransparencyLog
import Uplink

@testable import Simulator

/// A gateway with one meter, and the world around it.
struct SmallWorld {
  private static func key(_ role: String) -> FileKeySigner {
    let seed = SHA256.hash(Array(role.utf8).span).bytes
    do { return try FileKeySigner(seed: seed) } catch { preconditionFailure("any seed will do") }
  }

  private static func origin(_ epoch: UInt32) -> KeyName {
    guard let name = KeyName("mrv.example/gw/test/\(epoch)") else {
      preconditionFailure("it is a name")
    }
    return name
  }

  /// One meter with one register, asked every second.
  private func site(_ request: [UInt8], rule: ValueRule, quantity: Quantity) -> PollSite {
    PollSite(
      document: Document(kind: .site, name: Array("site.yaml".utf8), body: [1]),
      profiles: [Document(kind: .profile, name: Array("meter".utf8), body: [2])],
      lines: [LinePlan(configuration: UARTConfiguration(baudRate: 9_600))],
      devices: [DevicePlan(line: 0, meterProtocol: .modbusRTU, timeout: 200_000, attempts: 2)],
      channels: [
        ChannelDocument(
          device: 1, label: Array("meter".utf8), serial: nil, port: Array("a".utf8), address: [1],
          profile: 0, requests: [request], periodMilliseconds: 1_000, offsetMilliseconds: 0,
          ratios: [])
      ], deviceOfChannel: [0],
      livePoints: [[LivePoint(device: 0, quantity: quantity, unit: quantity.unit, rule: rule)]],
      names: SiteNames(
        devices: [
          SiteNames.Device(
            number: 1, label: Array("meter".utf8), labelChinese: [], address: Array("1".utf8))
        ], lines: [SiteNames.Line(name: Array("a".utf8), device: Array("a".utf8))],
        origin: Array("mrv.example/gw/test/1".utf8), epoch: 1, sitePath: [], fingerprint: .zero))
  }

  private let rule = ValueRule(layout: .modbus(register: 0, type: .uint16, order: .abcd))

  func gateway(
    catchUp: CatchUpBudget? = nil, quota: UInt64 = 1 << 30, isCompressing: Bool = false,
    quantity: Quantity = .voltageL1
  ) throws -> SimulatedGateway<FileKeySigner, SodiumVerifier> {
    let request = try #require(
      ModbusRequest(unit: 1, function: .readHoldingRegisters, address: 0, count: 1))
    let bytes = ByteWriter.bytes { request.write(into: &$0) }
    let mirrorName = try #require(KeyName("collector.example/m1"))
    return SimulatedGateway(
      site: site(bytes, rule: rule, quantity: quantity), origin: Self.origin,
      mirrorKey: Self.key("mirror").verifierKey(name: mirrorName, type: .cosigner),
      timing: RecorderTiming(commit: 1_000_000, checkpoint: 5_000_000, checkpointEntries: 256),
      catchUp: catchUp, segmentByteCount: 64 << 10, quotaByteCount: quota,
      isCompressing: isCompressing,
      makeKey: { Self.key("gateway") },
      makeMirrorKey: { Self.key("mirror") }, verifier: SodiumVerifier())
  }

  func simulation(
    seed: UInt64, canary: Bool = false, catchUp: CatchUpBudget? = nil, seconds: UInt64 = 600,
    offline: UInt64 = 0, quota: UInt64 = 1 << 30, isCompressing: Bool = false,
    quantity: Quantity = .voltageL1, _ rates: [FaultKind: UInt32] = [:]
  ) throws -> Simulation<FileKeySigner, SodiumVerifier> {
    let gateway = try gateway(
      catchUp: catchUp, quota: quota, isCompressing: isCompressing, quantity: quantity)
    let meter = MeterModel(
      meterProtocol: .modbusRTU, address: [1], turnaroundMicroseconds: 10_000,
      blocks: [
        MeterBlock(
          place: .modbus(function: 3, address: 0, count: 1),
          points: [
            MeterPoint(
              rule: rule, signal: Signal(source: .constant(230), noise: Noise(seed: 1, channel: 1)))
          ])
      ])
    var faults = FaultModel()
    for (kind, rate) in rates { faults[kind] = rate }
    var plan = SimulationPlan(
      seed: seed, safety: seconds * 1_000_000, liveness: 3_600_000_000, faults: faults)
    plan.offline = offline * 1_000_000
    plan.hasCanary = canary
    return Simulation(
      plan, gateway: gateway,
      lines: [
        SimulatedLine(
          configuration: UARTConfiguration(baudRate: 9_600),
          meters: [EmulatedMeter](
            repeating: EmulatedMeter(model: meter), count: faults[.duplicateAddress] > 0 ? 2 : 1))
      ], plant: plant)
  }
}
