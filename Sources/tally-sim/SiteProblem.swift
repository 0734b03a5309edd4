import Catalog
import HostHAL
import Simulator

/// Why the substation cannot be simulated. Each wording says what to do.
enum SiteProblem: Error {
  /// Site, board, profiles or the map of the plant have findings.
  case findings([Finding])
  /// A file operation failed.
  case file(FileError)
  /// No installed data was found in these places.
  case noShare([String])
  /// An option has a value that it cannot have.
  case badOption(name: String, value: String, expected: String)
  /// Options that do not go together, or a place that cannot be used.
  case badUse(english: String, chinese: String)
  /// `plant-start` is not what this program writes.
  case badPlantStart(String)
  /// The plant data of this file are wrong.
  case badData(String, PlantDataError)
  /// A line of the site has no device name, so it cannot be simulated.
  case noDeviceName(String)

  /// Runs a file operation and turns its error into a problem.
  static func file<Value>(
    _ body: () throws(FileError) -> Value
  ) throws(SiteProblem) -> Value {
    do { return try body() } catch { throw .file(error) }
  }

  /// The exit code: 1 for what stands wrong in a file, 2 for usage and I/O.
  var code: Int32 {
    switch self {
    case .findings(let findings): Findings(list: findings).isUnreadable ? 2 : 1
    case .badPlantStart, .badData, .noDeviceName: 1
    case .file, .noShare, .badOption, .badUse: 2
    }
  }

  /// The wording in a language.
  func text(_ language: Language) -> String { language == .chinese ? chinese : english }

  var english: String {
    switch self {
    case .findings(let findings): findings.map { $0.text(.english) }.joined(separator: "\n")
    case .file(let error): error.english
    case .noShare(let tried):
      "no device profiles found; tried: \(tried.joined(separator: ", ")). Give --share DIR, the "
        + "directory that holds profiles, boards and plant"
    case .badOption(let name, let value, let expected):
      "--\(name) \(value): expected \(expected)"
    case .badUse(let english, _): english
    case .badPlantStart(let path):
      "\(path): not written by this program; remove it, and the counters begin anew"
    case .badData(let path, let error): "\(path): \(error.english)"
    case .noDeviceName(let name):
      "line \(name): its port has no relative device name; the simulated board names its ports "
        + "like `device: line-a`"
    }
  }

  var chinese: String {
    switch self {
    case .findings(let findings): findings.map { $0.text(.chinese) }.joined(separator: "\n")
    case .file(let error): error.chinese
    case .noShare(let tried):
      "找不到设备档案，已查找：\(tried.joined(separator: "、"))。请用 --share 指定含 profiles、boards、plant 的目录"
    case .badOption(let name, let value, let expected): "--\(name) \(value)：应为 \(expected)"
    case .badUse(_, let chinese): chinese
    case .badPlantStart(let path): "\(path)：不是本程序写的文件；删除后计数器从头开始"
    case .badData(let path, let error): "\(path)：\(error.chinese)"
    case .noDeviceName(let name): "线路 \(name)：端口没有相对设备名；仿真板的端口写成 `device: line-a`"
    }
  }
}

extension PlantDataError {
  var english: String {
    switch self {
    case .missingColumn(let column): "line 1: column \(column) is missing"
    case .notANumber(let line, let column): "line \(line): no number in column \(column)"
    case .outOfRange(let line, let column):
      "line \(line): column \(column) is outside the range that the plant's equations cover"
    case .tooShort: "at least two hours of data are needed"
    }
  }

  var chinese: String {
    switch self {
    case .missingColumn(let column): "第 1 行：缺少列 \(column)"
    case .notANumber(let line, let column): "第 \(line) 行：列 \(column) 不是数字"
    case .outOfRange(let line, let column): "第 \(line) 行：列 \(column) 超出机组方程的适用范围"
    case .tooShort: "至少需要两个小时的数据"
    }
  }
}
