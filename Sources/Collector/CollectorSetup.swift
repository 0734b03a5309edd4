import Catalog
import Glibc
import HostCrypto
import HostHAL
import ReadingStore
import TransparencyLog

extension CollectorDirectory {
  /// Makes directories, keys and token unless they are there; gives the mirror's verifier key.
  ///
  /// The first time it needs a name. Nothing that exists is changed, so a second `init` repeats what the
  /// first one said.
  public func initialise(name: String?) throws -> VerifierKey {
    try Files.makeDirectory(path, mode: 0o755)
    try Files.makeDirectory(keys, mode: 0o700)
    try Files.makeDirectory(logs)
    let existing = Files.exists(mirrorVKey) ? try storedKey() : nil
    guard let asked = name ?? existing?.name.description else { throw CollectorFailure.noName }
    if let existing, existing.name.description != asked {
      throw CollectorFailure.otherName(existing: existing.name.description, asked: asked)
    }
    guard let keyName = KeyName(asked) else { throw CollectorFailure.badName(asked) }
    let signer = try FileKeySigner.loadOrCreate(path: mirrorKey)
    let verifierKey = signer.verifierKey(name: keyName, type: .cosigner)
    if let existing, "\(existing)" != "\(verifierKey)" {
      throw CollectorFailure.vkeyMismatch(path: mirrorVKey)
    }
    try signer.publishVKey(path: mirrorVKey, name: keyName, type: .cosigner)
    if !Files.exists(readToken) {
      let token = SecureRandom.hexText(byteCount: 32)
      try Files.replace(readToken, with: Array("\(token)\n".utf8), mode: 0o600)
    }
    try MirrorDatabase(path: database).close()
    // It holds the live tokens. SQLite gives its journal the same mode.
    try Files.setMode(0o600, of: database)
    return verifierKey
  }

  /// The content of `mirror.vkey`.
  private func storedKey() throws -> VerifierKey {
    let line = try Files.read(mirrorVKey, limit: 4_096).prefix { $0 != 0x0A }
    guard let key = VerifierKey(vkey: Array(line).span) else {
      throw CollectorFailure.vkeyMismatch(path: mirrorVKey)
    }
    return key
  }

  /// Everything but the lock exists; else `init` is due.
  public func requireInitialised() throws {
    guard Files.exists(mirrorKey), Files.exists(mirrorVKey), Files.exists(readToken) else {
      throw CollectorFailure.notInitialised(directory: path)
    }
  }

  /// Admits the log of a verifier key; gives its live token. Works while the collector serves.
  public func enroll(vkey: String) throws -> EnrolledLog {
    try requireInitialised()
    let key: VerifierKey
    do throws(VerifierKeyFault) { key = try VerifierKey(vkey, expecting: .log) } catch {
      throw CollectorFailure.badVKey(vkey, error)
    }
    let database = try MirrorDatabase(path: database)
    defer { try? database.close() }
    return try database.enroll(
      origin: key.name.description, verifierKey: "\(key)",
      newToken: SecureRandom.hexText(byteCount: 32))
  }

  /// Opens what a serving or rebuilding collector needs. The caller holds the lock.
  public func open(
    clock: CosignatureClock, alarm: @escaping @Sendable (CollectorAlarm) -> Void,
    onGrowth: @escaping @Sendable (String) -> Void = { _ in }
  ) throws -> Collector {
    try open(readings: readings, clock: clock, alarm: alarm, onGrowth: onGrowth)
  }

  private func open(
    readings: String, clock: CosignatureClock, alarm: @escaping @Sendable (CollectorAlarm) -> Void,
    onGrowth: @escaping @Sendable (String) -> Void = { _ in }
  ) throws -> Collector {
    try requireInitialised()
    let signer = try FileKeySigner.load(path: mirrorKey)
    let stored = try storedKey()
    guard "\(signer.verifierKey(name: stored.name, type: .cosigner))" == "\(stored)" else {
      throw CollectorFailure.vkeyMismatch(path: mirrorVKey)
    }
    let token = try Files.read(readToken, limit: 4_096).prefix { $0 != 0x0A }
    guard token.count >= 16 else { throw CollectorFailure.badToken(path: readToken) }
    let setting = MirrorSetting(
      logsDirectory: logs, database: try MirrorDatabase(path: database),
      key: MirrorKey(name: stored.name, signer: signer), clock: clock, alarm: alarm)
    return Collector(
      setting: setting, readings: try ReadingStore(path: readings),
      readToken: String(decoding: token, as: UTF8.self), onGrowth: onGrowth)
  }

  /// Takes packages; works while the collector serves, which decodes then. Else it is done here.
  public func importPackages(
    _ paths: [String], clock: CosignatureClock, alarm: @escaping @Sendable (CollectorAlarm) -> Void
  ) async throws -> ImportReport {
    let collector = try open(clock: clock, alarm: alarm)
    let report = try await PackageImport(collector, in: self).take(paths)
    do throws(FileError) {
      let lock = try LockFile(locking: lock)
      await Decoding(collector).catchUp()
      _ = consume lock
    } catch .locked {
      // Whoever holds it sees that the logs grew.
    }
    try collector.readings.close()
    try collector.setting.database.close()
    return report
  }

  /// What the databases say of each log; reads only, and works while the collector serves.
  public func status(clock: CosignatureClock) throws -> [LogStatus] {
    try requireInitialised()
    let database = try MirrorDatabase(path: database)
    let store = try ReadingStore(path: readings)
    let logs = try database.logs().map { log in
      try LogStatus(
        of: log, state: database.state(of: log.origin), stored: nil, database: database,
        readings: store, clock: clock)
    }
    try store.close()
    try database.close()
    return logs
  }

  /// Makes `readings.sqlite` anew from the logs. The caller holds the lock.
  ///
  /// The old file stays until the new one is whole.
  public func rebuild(
    clock: CosignatureClock, alarm: @escaping @Sendable (CollectorAlarm) -> Void
  ) async throws -> [LogStatus] {
    let draft = readings + ".new"
    for suffix in ["", "-journal"] { try Files.remove(draft + suffix) }
    let collector = try open(readings: draft, clock: clock, alarm: alarm)
    await Decoding(collector).catchUp()
    try collector.readings.close()
    try collector.setting.database.close()
    // A journal of the old file must not be played into the new one.
    try Files.remove(readings + "-journal")
    guard rename(draft, readings) == 0 else { throw FileError(errno, .rename, readings) }
    try Files.syncDirectory(path)
    return try status(clock: clock)
  }
}
