/// A key or a value that is not what its place wants.
public enum ValueFault: Worded, Sendable, Equatable {
  /// A value of another kind than wanted.
  case wrongShape(key: String, found: YAMLShape, expected: YAMLShape)
  /// A key that nobody reads.
  case unknownKey(String, known: [String], nearest: String?)
  /// A key that must be there.
  case missingKey(String, in: Section)
  /// A list without items.
  case emptyList(String)
  /// More items than fit.
  case tooManyItems(String, count: Int, limit: Int)
  /// Not a whole number in decimal or 0x notation; what it counts, where it counts something.
  case notANumber(key: String, found: String, unit: CountedUnit?)
  /// A number outside its range.
  case outOfRange(key: String, found: String, lower: Int64, upper: Int64, unit: CountedUnit?)
  /// Not one of the words that are allowed.
  case notOneOf(key: String, found: String, allowed: [String], nearest: String?)
  /// Not a fraction such as 1/1000.
  case notARatio(key: String, found: String)
  /// Text that is too long, or has characters that its use forbids.
  case badText(key: String, found: String, rule: TextRule)
  /// Not two hex digits a byte, or of the wrong length.
  case notHex(key: String, found: String, digitCount: Int)
  /// A name or a number used twice.
  case repeated(key: String, value: String, firstLine: Int)
  /// This version of the file's language is not known.
  case languageVersion(key: String, found: String, known: Int)

  var english: Wording {
    switch self {
    case .wrongShape(let key, let found, let expected):
      Wording(
        "'\(key)' has \(found.english)", expected.english,
        "check the indentation below '\(key)'")
    case .unknownKey(let key, let known, let nearest):
      Wording(
        "unknown key '\(key)'", "one of \(known.joined(separator: ", "))",
        nearest.map { "did you mean '\($0)'?" } ?? "remove it")
    case .missingKey(let key, let section):
      Wording(
        "\(section.english) lacks the key '\(key)'", "'\(key)' with a value", "add '\(key): …' here"
      )
    case .emptyList(let key):
      Wording("'\(key)' is an empty list", "at least one item", "add an item that begins with '- '")
    case .tooManyItems(let key, let count, let limit):
      Wording("'\(key)' has \(count) items", "at most \(limit)", "remove some of them")
    case .notANumber(let key, let found, let unit):
      if let unit {
        Wording(
          "'\(key)' is '\(found)'",
          "a whole number of \(unit.english) such as 17, without leading zeros",
          "write how many \(unit.english) it is, as a number alone")
      } else {
        Wording(
          "'\(key)' is '\(found)'", "a whole number such as 17 or 0x11, without leading zeros",
          "write it as a number")
      }
    case .outOfRange(let key, let found, let lower, let upper, let unit):
      Wording(
        "'\(key)' is \(found)", "\(lower) to \(upper)\(unit.map { " " + $0.symbol } ?? "")",
        "choose a number in this range")
    case .notOneOf(let key, let found, let allowed, let nearest):
      Wording(
        "'\(key)' is '\(found)'", "one of " + few(allowed, ", "),
        nearest.map { "did you mean '\($0)'?" } ?? "choose one of these")
    case .notARatio(let key, let found):
      Wording(
        "'\(key)' is '\(found)'", "a number or a fraction such as 1/1000, not zero",
        "write it as a fraction of whole numbers")
    case .badText(let key, let found, let rule):
      Wording("'\(key)' is '\(found)'", rule.english, "change the text")
    case .notHex(let key, let found, let count):
      Wording(
        "'\(key)' is '\(found)'", "\(count) hex digits in quotes", "write each byte as two digits")
    case .repeated(let key, let value, let line):
      Wording(
        "\(key) '\(value)' is used a second time", "each \(key) once (first on line \(line))",
        "choose another")
    case .languageVersion(let key, let found, let known):
      Wording(
        "'\(key)' is '\(found)'", "\(known)",
        "write '\(key): \(known)', or install a version that reads this file")
    }
  }

  var chinese: Wording {
    switch self {
    case .wrongShape(let key, let found, let expected):
      Wording("“\(key)”是\(found.chinese)", expected.chinese, "检查“\(key)”以下的缩进")
    case .unknownKey(let key, let known, let nearest):
      Wording(
        "未知的键“\(key)”", known.joined(separator: "、") + " 之一",
        nearest.map { "是否想写“\($0)”？" } ?? "删除它")
    case .missingKey(let key, let section):
      Wording("\(section.chinese)缺少键“\(key)”", "带值的“\(key)”", "在此处加上“\(key): …”")
    case .emptyList(let key):
      Wording("“\(key)”是空列表", "至少一项", "添加以“- ”开头的项")
    case .tooManyItems(let key, let count, let limit):
      Wording("“\(key)”有 \(count) 项", "最多 \(limit) 项", "删减若干项")
    case .notANumber(let key, let found, let unit):
      if let unit {
        Wording(
          "“\(key)”为“\(found)”", "以\(unit.chinese)为单位的整数，如 17，不带前导零",
          "换算成\(unit.chinese)，只写数字")
      } else {
        Wording("“\(key)”为“\(found)”", "整数，如 17 或 0x11，不带前导零", "改写为数字")
      }
    case .outOfRange(let key, let found, let lower, let upper, let unit):
      Wording(
        "“\(key)”为 \(found)", "\(lower) 至 \(upper)\(unit.map { " " + $0.symbol } ?? "")", "改为范围内的数")
    case .notOneOf(let key, let found, let allowed, let nearest):
      Wording(
        "“\(key)”为“\(found)”", few(allowed, "、") + " 之一",
        nearest.map { "是否想写“\($0)”？" } ?? "从中选择")
    case .notARatio(let key, let found):
      Wording("“\(key)”为“\(found)”", "数字或分数，如 1/1000，不为零", "写成整数之比")
    case .badText(let key, let found, let rule):
      Wording("“\(key)”为“\(found)”", rule.chinese, "修改文字")
    case .notHex(let key, let found, let count):
      Wording("“\(key)”为“\(found)”", "引号中的 \(count) 位十六进制数", "每字节写两位")
    case .repeated(let key, let value, let line):
      Wording("\(key)“\(value)”重复使用", "每个 \(key) 只用一次（首次在第 \(line) 行）", "换一个")
    case .languageVersion(let key, let found, let known):
      Wording("“\(key)”为“\(found)”", "\(known)", "写成“\(key): \(known)”，或安装能读此文件的版本")
    }
  }
}

/// What the number of a key counts.
public enum CountedUnit: Sendable, Equatable, CaseIterable {
  case milliseconds, bytes, mebibytes, terabytes, baud

  /// As it stands behind a number.
  var symbol: String {
    switch self {
    case .milliseconds: "ms"
    case .bytes: "bytes"
    case .mebibytes: "MiB"
    case .terabytes: "TB"
    case .baud: "Bd"
    }
  }

  var english: String {
    switch self {
    case .milliseconds: "milliseconds (ms)"
    case .bytes: "bytes"
    case .mebibytes: "mebibytes (MiB)"
    case .terabytes: "terabytes (TB)"
    case .baud: "baud"
    }
  }

  var chinese: String {
    switch self {
    case .milliseconds: "毫秒（ms）"
    case .bytes: "字节"
    case .mebibytes: "兆字节（MiB）"
    case .terabytes: "太字节（TB）"
    case .baud: "波特"
    }
  }
}

/// The words, or the first twelve of them and how many there are.
func few(_ words: [String], _ separator: String) -> String {
  if words.count <= 14 { return words.joined(separator: separator) }
  return words.prefix(12).joined(separator: separator) + " … (\(words.count))"
}

extension YAMLShape {
  var english: String {
    switch self {
    case .nothing: "no value"
    case .text: "a single value"
    case .list: "a list of items that begin with '- '"
    case .mapping: "keys with values"
    }
  }

  var chinese: String {
    switch self {
    case .nothing: "空值"
    case .text: "单个值"
    case .list: "以“- ”开头的列表"
    case .mapping: "带值的键"
    }
  }
}

/// Rules for short texts.
public enum TextRule: Sendable, Equatable {
  /// 1 to `limit` bytes of UTF-8 without control characters.
  case line(limit: Int)
  /// `a`–`z`, digits, `-`, `.`, 1 to 64 of them.
  case name
  /// A path that stays inside the directory that it is relative to.
  case innerPath
  /// `VID:PID:SERIAL`.
  case usbIdentity
  /// A multiple of 4096.
  case wholeBlocks

  var english: String {
    switch self {
    case .line(let limit): "text on one line of at most \(limit) bytes"
    case .name: "1 to 64 of the characters a-z, 0-9, '-' and '.'"
    case .innerPath: "a relative path without '.' and '..'"
    case .usbIdentity: "VID:PID:SERIAL with four hex digits each, for example 0403:6001:A50285BI"
    case .wholeBlocks: "a multiple of 4096"
    }
  }

  var chinese: String {
    switch self {
    case .line(let limit): "不超过 \(limit) 字节的单行文字"
    case .name: "1 至 64 个字符，仅限 a-z、0-9、“-”和“.”"
    case .innerPath: "不含“.”和“..”的相对路径"
    case .usbIdentity: "VID:PID:序列号，前两者各四位十六进制，如 0403:6001:A50285BI"
    case .wholeBlocks: "4096 的整数倍"
    }
  }
}

/// Parts of a configuration that have required keys.
public enum Section: Sendable, Equatable {
  /// Parts of a board file.
  case board, port, limits, storage
  /// Parts of a site file.
  case site, origin, mirror, uplink, log, line, device, ratios, poll
  /// Parts of a profile.
  case profile, source, request, point, bcd
  /// Parts of a map of the simulated plant.
  case plant, circuit
  /// The fault rates of a simulation.
  case faults
  /// A name in two languages.
  case label

  var english: String {
    switch self {
    case .board: "the board"
    case .port: "the port"
    case .limits: "'limits'"
    case .storage: "'storage'"
    case .site: "the site"
    case .origin: "'origin'"
    case .mirror: "'mirror'"
    case .uplink: "'uplink'"
    case .log: "'log'"
    case .line: "the line"
    case .device: "the device"
    case .ratios: "'ratios'"
    case .poll: "the poll"
    case .profile: "the profile"
    case .source: "the source"
    case .request: "the request"
    case .point: "the point"
    case .bcd: "'bcd'"
    case .plant: "the plant"
    case .circuit: "'circuit'"
    case .faults: "the file of faults"
    case .label: "the label"
    }
  }

  var chinese: String {
    switch self {
    case .board: "板卡"
    case .port: "串口"
    case .limits: "“limits”"
    case .storage: "“storage”"
    case .site: "站点"
    case .origin: "“origin”"
    case .mirror: "“mirror”"
    case .uplink: "“uplink”"
    case .log: "“log”"
    case .line: "线路"
    case .device: "设备"
    case .ratios: "“ratios”"
    case .poll: "轮询项"
    case .profile: "设备档案"
    case .source: "来源"
    case .request: "请求"
    case .point: "测点"
    case .bcd: "“bcd”"
    case .plant: "机组"
    case .circuit: "“circuit”"
    case .faults: "故障率文件"
    case .label: "名称"
    }
  }
}
