/// A profile that contradicts itself.
public enum ProfileFault: Sendable, Equatable {
  /// A value reaches past the end of the reply; counted in registers, bits or bytes.
  case pastEnd(end: Int, count: Int)
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

  func wording(_ language: Language) -> Wording {
    switch language {
    case .english: english
    case .chinese: chinese
    }
  }

  private var english: Wording {
    switch self {
    case .pastEnd(let end, let count):
      Wording(
        "the value ends at \(end)", "at most \(count), the length of the request's answer",
        "correct the offset, or read more")
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

  private var chinese: Wording {
    switch self {
    case .pastEnd(let end, let count):
      Wording("该值止于 \(end)", "不超过 \(count)，即应答的长度", "改正偏移，或多读一些")
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
