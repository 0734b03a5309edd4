import Catalog
import HostHAL
import Simulator

/// Why the substation cannot be simulated. Each wording says what to do.
enum SiteProblem: Error {
  /// Site, board or profiles have findings.
  case findings([Finding])
  /// A file operation failed.
  case file(FileError)
  /// No installed data was found in these places.
  case noShare([String])
  /// An option has a value that it cannot have.
  case badOption(name: String, value: String, expected: String)
  /// `plant-start` is not what this program writes.
  case badPlantStart(String)
  /// The plant data of this file are wrong.
  case badData(String, PlantDataError)
  /// `plant.yaml`, at a place: what is wrong.
  case badPlant(file: String, line: Int, PlantFault)
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
    case .badPlantStart, .badData, .badPlant, .noDeviceName: 1
    case .file, .noShare, .badOption: 2
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
    case .badPlantStart(let path):
      "\(path): not written by this program; remove it, and the counters begin anew"
    case .badData(let path, let error): "\(path): \(error.english)"
    case .badPlant(let file, let line, let fault): "\(file):\(line): \(fault.english)"
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
      "找不到设备描述文件，已查找：\(tried.joined(separator: "、"))。请用 --share 指定含 profiles、boards、plant 的目录"
    case .badOption(let name, let value, let expected): "--\(name) \(value)：应为 \(expected)"
    case .badPlantStart(let path): "\(path)：不是本程序写的文件；删除后计数器从头开始"
    case .badData(let path, let error): "\(path)：\(error.chinese)"
    case .badPlant(let file, let line, let fault): "\(file):\(line)：\(fault.chinese)"
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

/// What can be wrong in `plant.yaml`.
enum PlantFault: Equatable {
  /// A key that the file cannot have here.
  case unknownKey(String, known: [String])
  /// A key that must be there.
  case missingKey(String)
  /// A text that should be a finite number in a range.
  case notANumber(key: String, expected: String)
  /// A word that names nothing.
  case unknownWord(key: String, word: String, known: [String])
  /// The site has no device of this name.
  case unknownDevice(String, known: [String])
  /// The site's device has no entry here.
  case deviceNotMapped(String)
  /// The device's profile has a quantity that is not mapped.
  case quantityNotMapped(device: String, quantity: String)
  /// The unit of the variable is not the unit of the profile.
  case otherUnit(quantity: String, profile: String, plant: String)

  var english: String {
    switch self {
    case .unknownKey(let key, let known):
      "unknown key `\(key)`; known: \(known.joined(separator: ", "))"
    case .missingKey(let key): "key `\(key)` is missing"
    case .notANumber(let key, let expected): "`\(key)`: expected \(expected)"
    case .unknownWord(let key, let word, let known):
      "`\(key)`: `\(word)` is unknown; known: \(known.joined(separator: ", "))"
    case .unknownDevice(let name, let known):
      "the site has no device `\(name)`; it has: \(known.joined(separator: ", "))"
    case .deviceNotMapped(let name): "device `\(name)` of the site has no entry under `devices`"
    case .quantityNotMapped(let device, let quantity):
      "device `\(device)`: its profile reads `\(quantity)`, which no value feeds"
    case .otherUnit(let quantity, let profile, let plant):
      "`\(quantity)`: the profile gives \(profile) and the plant \(plant); state a `scale`"
    }
  }

  var chinese: String {
    switch self {
    case .unknownKey(let key, let known): "未知键 `\(key)`，可用：\(known.joined(separator: "、"))"
    case .missingKey(let key): "缺少键 `\(key)`"
    case .notANumber(let key, let expected): "`\(key)`：应为 \(expected)"
    case .unknownWord(let key, let word, let known):
      "`\(key)`：未知词 `\(word)`，可用：\(known.joined(separator: "、"))"
    case .unknownDevice(let name, let known):
      "站点没有设备 `\(name)`，现有：\(known.joined(separator: "、"))"
    case .deviceNotMapped(let name): "站点设备 `\(name)` 未列入 `devices`"
    case .quantityNotMapped(let device, let quantity):
      "设备 `\(device)`：描述文件读取 `\(quantity)`，但没有对应的量"
    case .otherUnit(let quantity, let profile, let plant):
      "`\(quantity)`：描述文件单位为 \(profile)，机组为 \(plant)；请写明 `scale`"
    }
  }
}
