/// A profile that contradicts itself.
public enum ProfileFault: Worded, Sendable, Equatable {
  /// A value reaches past the end of the reply.
  case pastEnd(end: Int, count: Int, AnswerUnit)
  /// A request reaches past the last address.
  case pastLastAddress(end: Int, count: Int)
  /// Values of more than one register, and no order of their words.
  case wordOrderMissing(known: [String])
  /// Two values of one answer with one quantity: the collector would keep one of them.
  case quantityTwice(String, firstLine: Int)
  /// The unit is left out.
  case unitMissing(quantity: String, unit: String)
  /// The unit does not fit the quantity.
  case unit(quantity: String, found: String, expected: String)
  /// The key is not used with this type or protocol.
  case keyNotUsed(String, with: String)
  /// A type that this protocol does not carry.
  case typeOfProtocol(found: String, allowed: [String])
  /// A point or a request names no source, or one that is not in `sources`.
  case noSource(found: String?, known: [String])
  /// `verified: false` without a word on what is doubtful.
  case doubtMissing
  /// The rule that comes out is not one that can be applied exactly.
  case rule

  var english: Wording {
    switch self {
    case .pastEnd(let end, let count, let unit):
      Wording(
        "the value ends after \(end) \(unit.english)",
        "at most \(count), the length of the request's answer", "correct the offset, or read more")
    case .pastLastAddress(let end, let count):
      Wording(
        "'address' and 'count' together are \(end)", "at most \(count), as many as Modbus has",
        "correct one of them")
    case .wordOrderMissing(let known):
      Wording(
        "the profile lacks the key 'word_order', which values of 32 bits need",
        "one of \(known.joined(separator: ", ")) beside 'protocol'",
        "add 'word_order: ABCD' for the high word first, CDAB for the low word first, as the "
          + "document says")
    case .quantityTwice(let quantity, let line):
      Wording(
        "quantity '\(quantity)' stands here a second time in one request",
        "each quantity once in a request (first on line \(line))",
        "choose the quantity that the device measures here, or remove one of the two")
    case .unitMissing(let quantity, let unit):
      Wording(
        "the point lacks the key 'unit'", "the unit in which the device sends '\(quantity)'",
        "add 'unit: \(unit)', or the unit that the document gives")
    case .unit(let quantity, let found, let expected):
      Wording(
        "'\(quantity)' has the unit '\(found)'", "'\(expected)' or a unit that converts to it",
        "choose the quantity that the device measures, or correct the unit")
    case .keyNotUsed(let key, let with):
      Wording("'\(key)' has no meaning with \(with)", "no such key here", "remove it")
    case .typeOfProtocol(let found, let allowed):
      Wording(
        "'type' is '\(found)'", "one of \(allowed.joined(separator: ", ")) for this protocol",
        "choose one of these")
    case .noSource(let found, let known):
      Wording(
        found.map { "source '\($0)' is not in 'sources'" } ?? "no 'source' for these numbers",
        "the id of a source (\(known.joined(separator: ", "))), then page or line",
        "name the document that the numbers were read from")
    case .doubtMissing:
      Wording(
        "'verified: false' without 'doubt'", "'doubt' with one sentence",
        "say what was not certain, so that somebody can settle it")
    case .rule:
      Wording(
        "scale and decimals cannot be applied exactly",
        "a denominator of 2s and 5s, or a whole number of at most 12 digits", "simplify the scale")
    }
  }

  var chinese: Wording {
    switch self {
    case .pastEnd(let end, let count, let unit):
      Wording(
        "该值占到第 \(end) \(unit.chinese)", "不超过 \(count)，即应答的长度", "改正偏移，或多读一些")
    case .pastLastAddress(let end, let count):
      Wording("“address”与“count”之和为 \(end)", "不超过 \(count)，即 Modbus 的地址数", "改正其中之一")
    case .wordOrderMissing(let known):
      Wording(
        "设备档案缺少键“word_order”，32 位的值需要它",
        "在“protocol”旁写 \(known.joined(separator: "、")) 之一",
        "按资料所述：高字在前写“word_order: ABCD”，低字在前写 CDAB")
    case .quantityTwice(let quantity, let line):
      Wording(
        "量“\(quantity)”在同一请求中重复", "每个请求中每个量只出现一次（首次在第 \(line) 行）",
        "选择设备在此处实际测量的量，或删除其中一个")
    case .unitMissing(let quantity, let unit):
      Wording(
        "测点缺少键“unit”", "设备发送“\(quantity)”所用的单位", "加上“unit: \(unit)”，或资料给出的单位")
    case .unit(let quantity, let found, let expected):
      Wording(
        "“\(quantity)”的单位为“\(found)”", "“\(expected)”或可换算为它的单位", "选择设备实际测量的量，或改正单位")
    case .keyNotUsed(let key, let with):
      Wording("“\(key)”在 \(with) 下无意义", "此处没有该键", "删除它")
    case .typeOfProtocol(let found, let allowed):
      Wording("“type”为“\(found)”", "此协议可用 " + allowed.joined(separator: "、"), "从中选择")
    case .noSource(let found, let known):
      Wording(
        found.map { "来源“\($0)”不在“sources”中" } ?? "这些数字没有“source”",
        "来源编号（\(known.joined(separator: "、"))），后跟页码或行号", "写明数字取自哪份资料")
    case .doubtMissing:
      Wording("有“verified: false”而无“doubt”", "用一句话写出“doubt”", "说明何处存疑，以便有人核实")
    case .rule:
      Wording("scale 与小数位无法精确换算", "分母只含因子 2 和 5，或不超过 12 位的整数", "化简 scale")
    }
  }
}

/// What an answer is counted in.
public enum AnswerUnit: Sendable, Equatable {
  /// Registers, bits or bytes.
  case registers, bits, bytes

  var english: String {
    switch self {
    case .registers: "registers"
    case .bits: "bits"
    case .bytes: "bytes"
    }
  }

  var chinese: String {
    switch self {
    case .registers: "个寄存器"
    case .bits: "位"
    case .bytes: "字节"
    }
  }
}
