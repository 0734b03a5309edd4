import ArgumentParser
import Catalog
import CommandLineFrame
import HostCrypto
import HostHAL
import TransparencyLog

/// `tally keys`: the gateway's signing key.
struct Keys: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make the gateway's signing key, or show its public half. 生成或显示网关密钥。",
    subcommands: [Show.self, Create.self])

  @OptionGroup var texts: LanguageOption

  func run() throws {
    try KeysFailure.report(texts.language) { () throws(KeysFailure) in throw .noCommand }
  }

  /// Prints the verifier key that a collector is told with `tally-collector enroll`.
  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print the gateway's verifier key; changes nothing. 显示网关验证公钥。")

    @Option(help: "The gateway's data directory. 网关数据目录。") var data = "/var/lib/tallystick"
    @OptionGroup var texts: LanguageOption

    func run() throws {
      try KeysFailure.report(texts.language) { () throws(KeysFailure) in
        let path = data + "/keys/log.vkey"
        let bytes: [UInt8]
        do throws(FileError) { bytes = try Files.read(path, limit: 4096) } catch {
          if case .notFound = error { throw .noVKey(path: path) }
          throw .file(error)
        }
        let text = String(decoding: bytes, as: UTF8.self)
        guard let line = text.split(separator: "\n").first, let key = VerifierKey(String(line))
        else {
          throw .notVKey(path: path)
        }
        print(key)
      }
    }
  }

  /// Makes the key unless there is one. A key is never replaced.
  struct Create: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make the gateway's key unless there is one; print its verifier key. 生成网关密钥。")

    @Option(help: "The gateway's data directory. 网关数据目录。") var data = "/var/lib/tallystick"
    @Option(help: "The site file, which names the gateway. 站点文件，其中有网关名称。") var site: String
    @Option(
      help: """
        The directory that holds profiles/ and boards/. \
        含 profiles/ 和 boards/ 的目录。
        """)
    var share: String?
    @OptionGroup var texts: LanguageOption

    func run() throws {
      try KeysFailure.report(texts.language) { () throws(KeysFailure) in
        var tried: [String] = []
        guard let share = Share.locate(option: share, tried: &tried) else { throw .noShare(tried) }
        switch Site.load(path: site, share: share, deviceDirectory: Share.deviceDirectory) {
        case .failure(let findings): throw .site(findings)
        case .success(let site): try create(origin: site.origin.origin(epoch: 1))
        }
      }
    }

    private func create(origin: String) throws(KeysFailure) {
      guard let name = KeyName(origin) else { throw .notOrigin(origin) }
      let folder = data + "/keys"
      do throws(FileError) {
        try Files.makeDirectory(folder, mode: 0o700)
      } catch {
        throw .file(error)
      }
      do throws(KeyFileError) {
        let signer = try FileKeySigner.loadOrCreate(path: folder + "/log.key")
        try signer.publishVKey(path: folder + "/log.vkey", name: name, type: .log)
        print(signer.verifierKey(name: name, type: .log))
      } catch {
        throw .key(error)
      }
    }
  }
}

/// Why a key was neither made nor shown.
enum KeysFailure: Error {
  case file(FileError)
  case key(KeyFileError)
  case noVKey(path: String)
  case notVKey(path: String)
  case notOrigin(String)
  case noShare([String])
  case site(Findings)
  case noCommand

  /// Says what `body` fails with and ends with 2, or with 1 for findings in a site that can be read.
  static func report(
    _ language: Language, _ body: () throws(KeysFailure) -> Void
  ) throws {
    do throws(KeysFailure) {
      try body()
    } catch {
      writeStandardError("tally: \(language == .chinese ? error.chinese : error.english)\n")
      if case .site(let findings) = error, !findings.isUnreadable { throw ExitCode(1) }
      throw ExitCode(2)
    }
  }

  var english: String {
    switch self {
    case .file(let error): error.english
    case .key(let error): error.english
    case .noVKey(let path):
      "\(path) does not exist: name the gateway's directory with --data, or make the key with tally keys "
        + "create"
    case .notVKey(let path): "\(path) holds no verifier key: make it anew with tally keys create"
    case .notOrigin(let origin): "\(origin) cannot name a key: no blanks and no + in it"
    case .noShare(let tried): "no profiles and boards in \(tried.joined(separator: ", "))"
    case .site(let findings): "the site cannot be used:\n" + findings.text(.english)
    case .noCommand: "keys alone does nothing: say tally keys show or tally keys create"
    }
  }

  var chinese: String {
    switch self {
    case .file(let error): error.chinese
    case .key(let error): error.chinese
    case .noVKey(let path): "\(path) 不存在：请用 --data 指明网关的数据目录，或用 tally keys create 生成密钥"
    case .notVKey(let path): "\(path) 中没有验证公钥：请用 tally keys create 重新生成"
    case .notOrigin(let origin): "\(origin) 不能作为密钥名称：不得含空格和 +"
    case .noShare(let tried): "以下位置没有设备档案与板卡描述：\(tried.joined(separator: "、"))"
    case .site(let findings): "站点配置不可用：\n" + findings.text(.chinese)
    case .noCommand: "仅有 keys 不执行任何操作：请用 tally keys show 或 tally keys create"
    }
  }
}
