import Catalog

/// What the commit interval costs, and how long the medium lasts by the plan and by what was measured.
struct WearWording {
  let wear: GatewayStatus.Wear
  /// Bytes a day that were measured; `nil` in the first ten minutes.
  let written: Int?

  func text(_ language: Language) -> String { language == .chinese ? chinese : english }

  private var english: String {
    var text =
      "a commit every \(wear.commitMilliseconds) ms: a power cut loses at most that much; "
      + "the plan writes \(wear.planned >> 20) MiB a day"
    if let tenths = wear.tenthsOfYears(bytesPerDay: wear.planned) {
      text += ", which a new medium bears for \(tenthsText(tenths)) years"
      if let years = wear.years { text += " (\(years) wanted)" }
    }
    guard let written, let percent else { return text }
    text += "; measured is \(percent) % of the plan"
    if let tenths = wear.tenthsOfYears(bytesPerDay: written) {
      text += ": \(tenthsText(tenths)) years"
    }
    return text
  }

  private var chinese: String {
    var text =
      "每 \(wear.commitMilliseconds) ms 提交一次：断电最多丢失一个提交间隔的数据；计划每天写入 \(wear.planned >> 20) MiB"
    if let tenths = wear.tenthsOfYears(bytesPerDay: wear.planned) {
      text += "，新介质可用 \(tenthsText(tenths)) 年"
      if let years = wear.years { text += "（要求 \(years) 年）" }
    }
    guard let written, let percent else { return text }
    text += "；实测为计划的 \(percent) %"
    if let tenths = wear.tenthsOfYears(bytesPerDay: written) {
      text += "：\(tenthsText(tenths)) 年"
    }
    return text
  }

  private var percent: Int? {
    guard let written, wear.planned > 0 else { return nil }
    let (scaled, overflow) = written.multipliedReportingOverflow(by: 100)
    return overflow ? nil : scaled / wear.planned
  }
}
