/// A map of the simulated plant (`plant.yaml`, which `tally-sim` reads) that does not fit its site.
public enum PlantFault: Worded, Sendable, Equatable {
  /// The map cannot be judged by itself.
  case needsSite
  /// A text that is no number within its bounds.
  case notInRange(key: String, found: String, range: ClosedRange<Double>, unit: String)
  /// None, or more than one, of the keys that say where a value comes from.
  case sourceChoice(count: Int, known: [String])
  /// The site has no device of this name.
  case unknownDevice(String, known: [String], nearest: String?)
  /// The site's device has no entry here.
  case deviceNotMapped(String)
  /// The device's profile reads a quantity that no value feeds.
  case quantityNotMapped(device: String, quantity: String)
  /// A value under a key that is no quantity's.
  case unknownQuantity(String, nearest: [String])
  /// A value of the device's own that its profile does not read.
  case quantityNotRead(device: String, quantity: String, known: [String])
  /// A value of the circuit, and the device has none.
  case circuitMissing(device: String, quantity: String)
  /// The unit of the plant's variable is not the unit of the profile.
  case otherUnit(quantity: String, profile: String, plant: String)

  var english: Wording {
    switch self {
    case .needsSite:
      Wording(
        "this is a map of the simulated plant", "a site, a profile or a board",
        "'tally-sim site --board DIR --site FILE --dev DIR' checks it with its site")
    case .notInRange(let key, let found, let range, let unit):
      Wording(
        "'\(key)' is '\(found)'",
        "a number from \(text(range.lowerBound)) to \(text(range.upperBound))"
          + (unit.isEmpty ? "" : " " + unit), "choose a number in this range")
    case .sourceChoice(let count, let known):
      Wording(
        "the value has \(count == 0 ? "none" : "\(count)") of the keys that say where it comes from",
        "one of \(known.joined(separator: ", "))", count == 0 ? "add one" : "keep one of them")
    case .unknownDevice(let name, let known, let nearest):
      Wording(
        "the site has no device '\(name)'", "one of \(known.joined(separator: ", "))",
        nearest.map { "did you mean '\($0)'?" }
          ?? "write the device's English label as in site.yaml, or remove the entry")
    case .deviceNotMapped(let name):
      Wording(
        "device '\(name)' of the site has no entry", "an entry for each device under 'devices'",
        "add '\(name):' under 'devices'")
    case .quantityNotMapped(let device, let quantity):
      Wording(
        "the profile of '\(device)' reads '\(quantity)', and no value feeds it",
        "a value for each quantity of the profile",
        "add '\(quantity): …' under 'values', or to the template that 'like' names")
    case .unknownQuantity(let found, let nearest):
      Wording(
        "there is no quantity '\(found)'", "a quantity of a profile, such as voltage-l1",
        suggestion(nearest) ?? "write it as the profile does after 'quantity', or remove it")
    case .quantityNotRead(let device, let quantity, let known):
      Wording(
        "the profile of '\(device)' does not read '\(quantity)'", "one of " + few(known, ", "),
        "remove it, or choose the quantity that it is meant to be")
    case .circuitMissing(let device, let quantity):
      Wording(
        "'\(quantity)' is a value of the circuit, and '\(device)' has none",
        "'circuit' at the device", "add 'circuit: {power: …, voltage: …, power-factor: …}'")
    case .otherUnit(let quantity, let profile, let plant):
      Wording(
        "'\(quantity)' has the unit \(profile) in the profile and \(plant) in the plant",
        "'scale' where the units differ", "add 'scale: …', the factor from \(plant) to \(profile)")
    }
  }

  var chinese: Wording {
    switch self {
    case .needsSite:
      Wording(
        "这是仿真机组的对应表", "站点、设备档案或板卡", "用“tally-sim site --board DIR --site FILE --dev DIR”连同站点一起检查")
    case .notInRange(let key, let found, let range, let unit):
      Wording(
        "“\(key)”为“\(found)”",
        "\(text(range.lowerBound)) 至 \(text(range.upperBound))"
          + (unit.isEmpty ? "" : " " + unit) + " 的数", "改为范围内的数")
    case .sourceChoice(let count, let known):
      Wording(
        count == 0 ? "未写明该值的来源" : "该值写了 \(count) 个来源",
        known.joined(separator: "、") + " 之一", count == 0 ? "补上一个" : "只留一个")
    case .unknownDevice(let name, let known, let nearest):
      Wording(
        "站点没有设备“\(name)”", known.joined(separator: "、") + " 之一",
        nearest.map { "是否想写“\($0)”？" } ?? "按 site.yaml 写该设备的英文名称，或删除此项")
    case .deviceNotMapped(let name):
      Wording("站点设备“\(name)”没有对应项", "“devices”下每台设备一项", "在“devices”下加上“\(name):”")
    case .quantityNotMapped(let device, let quantity):
      Wording(
        "“\(device)”的设备档案读取“\(quantity)”，但没有给它赋值", "档案中的每个量都有值",
        "在“values”下或“like”所指的模板中加上“\(quantity): …”")
    case .unknownQuantity(let found, let nearest):
      Wording(
        "没有量“\(found)”", "设备档案中的量，如 voltage-l1",
        chineseSuggestion(nearest) ?? "按设备档案中“quantity”的写法改正，或删除它")
    case .quantityNotRead(let device, let quantity, let known):
      Wording(
        "“\(device)”的设备档案不读取“\(quantity)”", few(known, "、") + " 之一", "删除它，或改为所指的量")
    case .circuitMissing(let device, let quantity):
      Wording(
        "“\(quantity)”取自回路，而“\(device)”没有回路", "该设备下的“circuit”",
        "加上“circuit: {power: …, voltage: …, power-factor: …}”")
    case .otherUnit(let quantity, let profile, let plant):
      Wording(
        "“\(quantity)”在设备档案中的单位为 \(profile)，在机组中为 \(plant)", "单位不同时写明“scale”",
        "加上“scale: …”，即由 \(plant) 到 \(profile) 的系数")
    }
  }
}

/// Without a decimal point where none is needed.
private func text(_ number: Double) -> String {
  Int64(exactly: number).map { "\($0)" } ?? "\(number)"
}
