/// A device that cannot be addressed or read as the site says.
public enum DeviceFault: Worded, Sendable, Equatable {
  /// Two devices with one address on one line.
  case addressTaken(String, byDevice: Label, firstLine: Int)
  /// Not a unit identifier of Modbus.
  case modbusAddress(String)
  /// Not an address of DL/T 645.
  case dlt645Address(String)
  /// No profile of that name.
  case unknownProfile(String, nearest: [String])
  /// The poll names a request that the profile lacks.
  case unknownRequest(String, profile: String, known: [String])
  /// The same request in two streams of a device.
  case requestTwice(String)
  /// Behind these transformers a quantity has values that no decimal can hold.
  case inexactRatios(quantity: String)
  /// A transformer ratio on which no value of the profile depends.
  case ratioUnused(key: String, profile: String)
  /// The profile counts on transformer ratios, and the device gives none.
  case ratiosMissing(profile: String)
  /// Two devices that people cannot tell apart.
  case labelTwice(String, firstLine: Int)
  /// One device at two places of the site.
  case serialTwice(String, firstLine: Int)

  /// The configuration is usable in spite of it.
  public var isWarning: Bool {
    switch self {
    case .ratiosMissing, .labelTwice, .serialTwice: true
    case .addressTaken, .modbusAddress, .dlt645Address, .unknownProfile, .unknownRequest,
      .requestTwice, .inexactRatios, .ratioUnused:
      false
    }
  }

  var english: Wording {
    switch self {
    case .addressTaken(let address, let device, let line):
      Wording(
        "address \(address) is used twice on this line",
        "one device an address ('\(device.english)' on line \(line) has it)",
        "both would answer at once: change one, on the device and here")
    case .modbusAddress(let found):
      Wording(
        "'address' is '\(found)'", "1 to 247 for Modbus",
        "read it from the device's menu; 0 is broadcast, 248 to 255 are reserved")
    case .dlt645Address(let found):
      Wording(
        "'address' is '\(found)'", "12 decimal digits for DL/T 645",
        "copy the number from the meter's face, with leading zeros")
    case .unknownProfile(let found, let nearest):
      Wording(
        "there is no profile '\(found)'", "the name of a file in profiles/, without .yaml",
        suggestion(nearest) ?? "see 'ls' of the share's profiles/")
    case .unknownRequest(let found, let profile, let known):
      Wording(
        "profile '\(profile)' has no request '\(found)'",
        "one of \(known.joined(separator: ", "))", "correct the name")
    case .requestTwice(let name):
      Wording(
        "request '\(name)' is polled by two streams of this device", "each request in one stream",
        "remove it from one of them")
    case .inexactRatios(let quantity):
      Wording(
        "behind these transformers '\(quantity)' has values without end, such as 1/3",
        "ratios whose product has a denominator of 2s and 5s",
        "copy both from the transformers' plates, primary/secondary, for example 600/5")
    case .ratioUnused(let key, let profile):
      Wording(
        "'ratios' gives '\(key)', but no value of profile '\(profile)' depends on it",
        "a ratio that a point of the profile names with 'ratio:'",
        "add 'ratio: \(key)' or 'ratio: power' to those points, or remove the ratio if the meter "
          + "multiplies by it itself")
    case .ratiosMissing(let profile):
      Wording(
        "no 'ratios', and values of profile '\(profile)' depend on them",
        "'ratios' with what stands on the transformers' plates",
        "add 'ratios: {current: 600/5}', or 'ratios: {current: 1}' for a meter without transformers"
      )
    case .labelTwice(let label, let line):
      Wording(
        "two devices are called '\(label)'", "each label once in a site (first on line \(line))",
        "call one of them otherwise: lists and 'tally read' name devices by it")
    case .serialTwice(let serial, let line):
      Wording(
        "two devices have the serial number '\(serial)'",
        "each serial number once (first on line \(line))",
        "read it from the plate of both: one was copied")
    }
  }

  var chinese: Wording {
    switch self {
    case .addressTaken(let address, let device, let line):
      Wording(
        "地址 \(address) 在本线路上重复", "每个地址一台设备（第 \(line) 行“\(device.chinese)”已占用）",
        "两台设备会同时应答：在设备上和此处同时改掉一个")
    case .modbusAddress(let found):
      Wording("“address”为“\(found)”", "Modbus 地址为 1 至 247", "从设备菜单读取；0 为广播，248 至 255 保留")
    case .dlt645Address(let found):
      Wording("“address”为“\(found)”", "DL/T 645 地址为 12 位十进制数字", "照抄表面铭牌上的表号，保留前导零")
    case .unknownProfile(let found, let nearest):
      Wording(
        "没有设备档案“\(found)”", "profiles/ 中的文件名，不带 .yaml",
        chineseSuggestion(nearest) ?? "查看 share 目录下的 profiles/")
    case .unknownRequest(let found, let profile, let known):
      Wording("设备档案“\(profile)”没有请求“\(found)”", known.joined(separator: "、") + " 之一", "改正名称")
    case .requestTwice(let name):
      Wording("请求“\(name)”被本设备的两个轮询项使用", "每个请求只在一个轮询项中", "从其中一个删除")
    case .inexactRatios(let quantity):
      Wording(
        "经此互感器后“\(quantity)”的值为无限小数，如 1/3", "变比之积的分母只含因子 2 和 5",
        "按互感器铭牌照抄一次/二次值，例如 600/5")
    case .ratioUnused(let key, let profile):
      Wording(
        "“ratios”给出了“\(key)”，但设备档案“\(profile)”中没有依赖它的值", "档案中某测点以“ratio:”注明的变比",
        "在这些测点加上“ratio: \(key)”或“ratio: power”；若表计自行乘变比，则删除此项")
    case .ratiosMissing(let profile):
      Wording(
        "没有“ratios”，而设备档案“\(profile)”的值依赖变比", "按互感器铭牌写出的“ratios”",
        "加上“ratios: {current: 600/5}”；无互感器的表计写“ratios: {current: 1}”")
    case .labelTwice(let label, let line):
      Wording(
        "两台设备同名“\(label)”", "站点中每个名称只用一次（首次在第 \(line) 行）",
        "为其中一台改名：列表和“tally read”以名称区分设备")
    case .serialTwice(let serial, let line):
      Wording(
        "两台设备的出厂编号同为“\(serial)”", "每个编号只用一次（首次在第 \(line) 行）",
        "核对两台设备的铭牌：其中一个是照抄的")
    }
  }
}
