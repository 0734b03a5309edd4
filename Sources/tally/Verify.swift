import ArgumentParser
import Catalog
import CommandLineFrame
import HAL
import HostHAL
import MirrorUplink
import TransparencyLog
import Verification

/// Checks a log from the first to the last byte and gives three verdicts.
struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Verify a log: signature, completeness, policy. 核查日志。",
    discussion: """
      The place is a gateway's data directory, a collector's, the directory of one log in either, or \
      the URL of a collector. Ends with 0 when nothing is wrong, with 1 when something is, and with 2 \
      when the log cannot be read. The keys must come from somewhere else than the log.

      可核查网关或汇集端的数据目录、其中一个日志的目录，或汇集端网址。退出码：0 未发现问题，1 发现问题，2 日志无法读取。公钥必须另行取得，不能取自日志本身。
      """)

  @Argument(
    help: """
      Directory, or http(s):// URL of a collector or of one log there. \
      目录，或汇集端及其中一个日志的 http(s):// 地址。
      """)
  var place: String

  @Option(help: "The log's verifier key. 日志的验证公钥。") var vkey: String

  @Option(
    help: """
      Verifier key of a mirror or witness that must have cosigned; may be repeated. \
      必须会签的镜像或见证方的验证公钥，可重复。
      """)
  var cosigner: [String] = []

  @Option(
    help: """
      The collector's read token, or the file that holds it (for a URL). \
      汇集端的读取令牌或存放它的文件（用于网址）。
      """)
  var token: String?

  @Option(
    help: """
      File of the certificates to trust, PEM (for an https URL). \
      受信任证书文件，PEM 格式（用于 https 网址）。
      """)
  var ca: String?

  @Option(help: "Greatest age of the newest entry, seconds. 最新条目的最大时效，秒。") var maxAge: UInt64?

  @Option(
    help: """
      Largest share of entries from a clock that was never synchronised, percent. \
      时钟从未同步的条目的最大占比，百分数。
      """)
  var maxUnsynchronised: Double?

  @OptionGroup var texts: LanguageOption

  func run() throws {
    let language = texts.language
    let report: Report
    let now = HostClock().utcMicroseconds()
    do throws(ReadFailure) {
      let policy = try policy(now)
      report =
        place.hasPrefix("http://") || place.hasPrefix("https://")
        ? try verifyRemote(policy) : try Verification.verify(directory: place, policy: policy)
    } catch {
      writeStandardError("tally: \(language == .chinese ? error.chinese : error.english)\n")
      throw ExitCode(2)
    }
    for line in language == .chinese ? report.chinese(nowUTC: now) : report.english(nowUTC: now) {
      writeStandardOutput(line + "\n")
    }
    if !report.isGood { throw ExitCode(1) }
  }

  private func policy(_ now: UInt64) throws(ReadFailure) -> Policy {
    let logKey = try key(vkey, .log, "--vkey")
    var policy = Policy(logKey: logKey, nowUTC: now)
    for text in cosigner { policy.cosigners.append(try key(text, .cosigner, "--cosigner")) }
    policy.ageSecondsMax = maxAge
    policy.unsynchronisedPercentMax = maxUnsynchronised
    return policy
  }

  private func key(
    _ text: String, _ type: KeyType, _ option: String
  ) throws(ReadFailure) -> VerifierKey {
    do throws(VerifierKeyFault) {
      return try VerifierKey(text, expecting: type)
    } catch {
      throw ReadFailure(
        english: """
          \(option) is '\(text)': \(error.english(type))
              expected: name+8 hex digits+base64
              to do:    \(error.advice(type))
          """,
        chinese: """
          \(option) 为“\(text)”：\(error.chinese(type))
              应为：名称+8 位十六进制+base64
              处理：\(error.chineseAdvice(type))
          """)
    }
  }

  // MARK: URL

  private func verifyRemote(_ policy: Policy) throws(ReadFailure) -> Report {
    let remote: RemoteLog
    do throws(HTTPFailure) {
      remote = try RemoteLog(url: place, authorityFile: ca, token: tokenBytes())
    } catch {
      throw ReadFailure(english: "\(place): \(error.english)", chinese: "\(place)：\(error.chinese)")
    }
    // The URL may name the log itself, or the collector that has it.
    if try remote.read("checkpoint") == nil {
      remote.folder = "/\(policy.logKey.name.hash.hex)"
    }
    let files = LogFiles(
      read: { path throws(ReadFailure) in try remote.read(path) }, list: nil)
    return try Verification.verifyCollectorLog(files, policy)
  }

  private func tokenBytes() -> [UInt8]? {
    guard let token else { return nil }
    guard let bytes = try? Files.read(token, limit: 4096) else { return Array(token.utf8) }
    return Array(bytes.prefix { $0 > 0x20 })
  }
}

/// The files of a log that a collector serves.
private final class RemoteLog {
  private let url: String
  private let token: [UInt8]?
  private var transport: HTTPTransport
  /// What stands before each path.
  var folder = ""

  init(url: String, authorityFile: String?, token: [UInt8]?) throws(HTTPFailure) {
    var configuration = HTTPTransportConfiguration(url: url, authorityFile: authorityFile)
    // A full bundle has at most 256 entries of 65,535 bytes and their lengths.
    configuration.bodyByteCountMax = 256 * 65_537
    transport = try HTTPTransport(configuration)
    self.url = url
    self.token = token
  }

  /// Reads a file; `nil` if there is none.
  func read(_ path: String) throws(ReadFailure) -> [UInt8]? {
    let answer: HTTPAnswer
    do throws(HTTPFailure) {
      answer = try transport.get("\(folder)/\(path)", bearerToken: token)
    } catch {
      throw ReadFailure(english: "\(url): \(error.english)", chinese: "\(url)：\(error.chinese)")
    }
    switch answer.status {
    case 200 where !answer.isCut: return answer.body
    case 404: return nil
    case 401, 403:
      throw ReadFailure(
        english: "\(url): the collector wants a read token: give --token "
          + "(keys/read.token in its data directory)",
        chinese: "\(url)：汇集端要求读取令牌：请用 --token 指定（其数据目录中的 keys/read.token）")
    default:
      throw ReadFailure(
        english: "\(url)\(folder)/\(path): HTTP \(answer.status)",
        chinese: "\(url)\(folder)/\(path)：HTTP \(answer.status)")
    }
  }
}
