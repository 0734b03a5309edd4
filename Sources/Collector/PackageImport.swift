import HAL
import HostCrypto
import HostHAL
import TransparencyLog
import Uplink

/// What became of one package.
public enum PackageOutcome: Equatable, Sendable {
  /// Its entries are stored and cosigned now.
  case taken
  /// They were before.
  case known
  /// It is good, and entries before or beside it are missing: it is kept until they come.
  case waiting
  /// It was not taken.
  case refused(PackageRefusal)
}

/// A package and what became of it.
public struct ImportedPackage: Equatable, Sendable {
  /// The file.
  public var path: String
  /// What became of it.
  public var outcome: PackageOutcome
}

/// How a log stands after an import that brought packages of it.
public struct ImportedLog: Equatable, Sendable {
  /// The log.
  public var origin: String
  /// Entries that are stored and cosigned.
  public var size: UInt64
  /// The cosigned note, which is the acknowledgement; `nil` while nothing is.
  public var acknowledgement: [UInt8]?
  /// Entries that are missing before others that are here.
  public var gaps: [Range<UInt64>]

  /// The name under which the gateway looks for the acknowledgement.
  public var acknowledgementName: String { name(PackageName.acknowledgement) }
  /// The name of the file that asks the gateway for packages again.
  public var againName: String { name(PackageName.again) }

  private func name(_ make: (KeyName) -> [UInt8]) -> String {
    KeyName(origin).map { String(decoding: make($0), as: UTF8.self) } ?? origin
  }
}

/// Everything that an import did.
public struct ImportReport: Equatable, Sendable {
  /// The packages in the order of their paths, then those that waited here and were taken.
  public var packages: [ImportedPackage] = []
  /// The logs that they are of, by origin.
  public var logs: [ImportedLog] = []

  /// Something was refused or is missing.
  public var needsAPerson: Bool {
    logs.contains { !$0.gaps.isEmpty }
      || packages.contains {
        if case .refused = $0.outcome { true } else { $0.outcome == .waiting }
      }
  }
}

/// Takes packages that a courier brought: in any order, any number of times.
///
/// A package is checked as an upload is, by the same code: the enrolled key's signature, the proof of each block, and
/// the mirror's own steps (`MirrorLog`). What an upload has and a package has not, the proof that one checkpoint goes on
/// from another, is made here from the entries, and checked like one that came. So a checkpoint is taken when all its
/// entries are here, and until then its packages wait in a directory of their own.
public struct PackageImport: Sendable {
  let collector: Collector
  let directory: CollectorDirectory

  /// An import into a collector that is open; others may have it open too.
  public init(_ collector: Collector, in directory: CollectorDirectory) {
    self.collector = collector
    self.directory = directory
  }

  /// Takes the packages in these files.
  ///
  /// - Throws: what keeps the collector from reading or writing its own files.
  public func take(_ paths: [String]) async throws -> ImportReport {
    var report = ImportReport()
    var outlines: [String: [PackageOutline]] = [:]
    for path in paths {
      do throws(PackageRefusal) {
        let outline = try await check(path)
        outlines[outline.origin, default: []].append(outline)
      } catch {
        report.packages.append(ImportedPackage(path: path, outcome: .refused(error)))
      }
    }
    for (origin, brought) in outlines.sorted(by: { $0.key < $1.key }) {
      guard let mirror = try collector.mirror(hash: originHash(origin)) else { continue }
      var all = brought
      for path in try waitingPaths(of: origin) {
        do throws(PackageRefusal) {
          var outline = try await check(path)
          outline.waited = true
          all.append(outline)
        } catch {
          // What cannot be read or stored now is looked at by the next import.
          let place = error.isFinal ? try setAside(path, of: origin) : path
          report.packages.append(ImportedPackage(path: place, outcome: .refused(error)))
        }
      }
      report.logs.append(try await take(all, of: mirror, into: &report))
    }
    report.packages.sort { $0.path < $1.path }
    return report
  }

  /// Reads and checks a package by itself, and against what is stored of its log.
  private func check(_ path: String) async throws(PackageRefusal) -> PackageOutline {
    let package = try ReadPackage(path: path)
    let mirror: MirrorLog
    do {
      switch try collector.admit(package.submitted) {
      case .mirror(let admitted): mirror = admitted
      case .refused(let answer):
        throw answer.status == 404
          ? PackageRefusal.notEnrolled(origin: package.origin) : .wrongKey(origin: package.origin)
      }
    } catch {
      throw refusal(of: error)
    }
    guard package.submitted.line(of: mirror.verifierKey, with: SodiumVerifier()) != nil else {
      throw .wrongKey(origin: package.origin)
    }
    guard package.belongsToItsCheckpoint else { throw .altered(origin: package.origin) }
    do {
      if let contradiction = try await mirror.contradiction(of: package) {
        throw PackageRefusal.otherHistory(origin: package.origin, contradiction)
      }
    } catch {
      throw refusal(of: error)
    }
    return package.outline
  }

  /// Takes what can be taken of one log, the smallest checkpoint first.
  private func take(
    _ all: [PackageOutline], of mirror: MirrorLog, into report: inout ImportReport
  ) async throws -> ImportedLog {
    let origin = mirror.log.origin
    let before = try await mirror.currentState().state.mirror?.size ?? 0
    let pool = PackagePool(all)
    var refusals: [[UInt8]: PackageRefusal] = [:]
    for target in pool.targets where target.checkpoint.size > before {
      guard let answer = try await mirror.take(target, from: pool), answer.status != 200 else {
        continue
      }
      let sentence = String(decoding: answer.body, as: UTF8.self).trimmed
      refusals[target.note] =
        answer.status == 422
        ? .otherHistory(origin: origin, .inconsistent) : .failed(.other(sentence))
    }
    let (state, next) = try await mirror.currentState()
    let after = state.mirror?.size ?? 0
    if after > before { collector.onGrowth(origin) }
    var waiting: [PackageOutline] = []
    for outline in all {
      let outcome: PackageOutcome
      if let refusal = refusals[outline.submitted.note] {
        outcome = .refused(refusal)
      } else if outline.end <= before {
        outcome = .known
      } else if outline.end <= after {
        outcome = .taken
      } else {
        outcome = .waiting
        waiting.append(outline)
        if !outline.waited { try keep(outline) }
      }
      var place = outline.path
      if outline.waited {
        switch outcome {
        case .taken, .known: try Files.remove(place)
        case .waiting: break
        // What could not be stored waits on.
        case .refused(let refusal): if refusal.isFinal { place = try setAside(place, of: origin) }
        }
        if outcome == .known || outcome == .waiting { continue }
      }
      report.packages.append(ImportedPackage(path: place, outcome: outcome))
    }
    return ImportedLog(
      origin: origin, size: after, acknowledgement: state.mirror?.note,
      gaps: PackagePool(waiting).gaps(from: max(after, next)))
  }

  private func refusal(of error: any Error) -> PackageRefusal {
    error as? PackageRefusal ?? .failed(AlarmReason(error, database: directory.database))
  }

  // MARK: packages that wait

  /// Puts a package that waited where no import looks for it, and an auditor may; returns the place.
  private func setAside(_ path: String, of origin: String) throws -> String {
    let directory = "\(directory.refused)/\(originHash(origin))"
    try Files.makeDirectory(directory)
    let place = "\(directory)/\(path.split(separator: "/").last ?? "")"
    try Files.rename(path, to: place)
    return place
  }

  private func waitingDirectory(_ origin: String) -> String {
    "\(directory.waiting)/\(originHash(origin))"
  }

  private func waitingPaths(of origin: String) throws -> [String] {
    let directory = waitingDirectory(origin)
    guard Files.exists(directory) else { return [] }
    return try Files.names(in: directory).filter { !$0.hasSuffix(".tmp") }.map {
      "\(directory)/\($0)"
    }
  }

  /// Keeps a package under its own name, with the size of its checkpoint: one range may be under several.
  private func keep(_ outline: PackageOutline) throws {
    guard let origin = KeyName(outline.origin) else { return }
    let name = PackageName.package(origin, outline.start..<outline.end)
    let directory = waitingDirectory(outline.origin)
    try Files.makeDirectory(directory)
    let bytes = try Files.read(outline.path, limit: PackageFile.fileByteLimit)
    try Files.replace(
      "\(directory)/\(outline.submitted.checkpoint.size)~\(String(decoding: name, as: UTF8.self))",
      with: bytes)
  }
}

/// Why a package was not taken. Each wording says what to do.
public enum PackageRefusal: Error, Equatable, Sendable {
  /// The file cannot be read.
  case unreadable(FileError)
  /// It is no package, or not whole.
  case file(PackageFile.Fault)
  /// Its parts do not belong together: no gateway wrote it so.
  case malformed
  /// Its log is not admitted here.
  case notEnrolled(origin: String)
  /// The enrolled key did not sign its checkpoint.
  case wrongKey(origin: String)
  /// Its entries are not those that its checkpoint signs.
  case altered(origin: String)
  /// It says otherwise than what this log showed before.
  case otherHistory(origin: String, CheckpointContradiction)
  /// The collector could not store or sign.
  case failed(AlarmReason)

  /// The same file can never be taken.
  var isFinal: Bool {
    switch self {
    case .unreadable, .notEnrolled, .failed: false
    case .file, .malformed, .wrongKey, .altered, .otherHistory: true
    }
  }

  /// What happened and what to do.
  public var english: String {
    switch self {
    case .unreadable(let error): "cannot be read: \(error.english)"
    case .file(.notAPackage): "is no package of Tallystick: leave it out"
    case .file(.otherVersion): "was written by a newer gateway: update the collector"
    case .file(.cut): "is not whole: copy it once more, or let the gateway write it again"
    case .file(.damaged):
      "was damaged on the way: copy it once more, or let the gateway write it again; look at the stick"
    case .malformed: "is no package that a gateway writes: ask who made it"
    case .notEnrolled(let origin):
      "is of \(origin), which is not enrolled here: run tally-collector enroll with the key that tally "
        + "keys show prints on that gateway, then import again"
    case .wrongKey(let origin):
      "is not signed by the key that is enrolled for \(origin): compare tally keys show on that gateway; "
        + "somebody else may have written it"
    case .altered(let origin):
      "has entries that \(origin) did not sign: somebody changed it on the way. Keep it for the auditor, "
        + "and let the gateway write it again"
    case .otherHistory(let origin, let contradiction):
      "contradicts what \(origin) showed before: \(contradiction.english). It is kept for the auditor. "
        + contradiction.advice
    case .failed(let reason):
      "could not be stored or cosigned: \(reason.english). Mend that and import again"
    }
  }

  /// 发生了什么，应当怎么办。
  public var chinese: String {
    switch self {
    case .unreadable(let error): "无法读取：\(error.chinese)"
    case .file(.notAPackage): "不是 Tallystick 数据包：请不要导入"
    case .file(.otherVersion): "由更新版本的网关写成：请升级汇集端"
    case .file(.cut): "不完整：请重新复制，或让网关重新写出"
    case .file(.damaged): "在途中损坏：请重新复制，或让网关重新写出，并检查 U 盘"
    case .malformed: "不是网关写出的数据包：请查明来源"
    case .notEnrolled(let origin):
      "属于 \(origin)，尚未在此登记：请用该网关 tally keys show 显示的公钥运行 tally-collector enroll 后重新导入"
    case .wrongKey(let origin):
      "不是由 \(origin) 的登记密钥签名：请与该网关 tally keys show 的输出对照，它可能出自他人之手"
    case .altered(let origin):
      "含有 \(origin) 未签名的条目：途中被改动。请留存供核查，并让网关重新写出"
    case .otherHistory(let origin, let contradiction):
      "与 \(origin) 此前公布的内容矛盾：\(contradiction.chinese)。已为核查留存。" + contradiction.chineseAdvice
    case .failed(let reason): "无法存储或会签：\(reason.chinese)。排除故障后重新导入"
    }
  }
}

extension String {
  /// Without a line end at its end.
  fileprivate var trimmed: String { hasSuffix("\n") ? String(dropLast()) : self }
}
