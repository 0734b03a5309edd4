@testable import AgentClient
import Catalog
import HAL
import Testing
import Uplink

@Suite struct StatusScreenTests {
  @Test(arguments: [Language.english, .chinese], [60, 80, 97, 200])
  func `no line is wider than the terminal`(language: Language, columns: Int) throws {
    let status = try GatewayStatus(decoding: Example.answer)
    for line in StatusScreen(status, language: language, columns: columns).lines {
      #expect(TextLayout.width(line) <= columns, "\(line)")
    }
  }

  @Test func `a device shows state, value with unit, age, quality and answer time`() throws {
    let status = try GatewayStatus(decoding: Example.answer)
    let lines = StatusScreen(status, language: .english).lines
    let device = try #require(lines.first { $0.contains("Generator") })
    #expect(
      device
        == "  Generator output     answers             1234.5 kW   3.2 s good       145.3 ms")
  }

  @Test func `receive errors stand under their line, and nothing where there are none`() throws {
    var status = try GatewayStatus(decoding: Example.answer)
    let lines = StatusScreen(status, language: .english).lines
    let line = try #require(lines.firstIndex { $0.contains("/run/dev/line-a") })
    #expect(
      lines[line + 1] == "  errors since the machine started: framing (baud rate?) 7  parity 2")
    #expect(status.json.contains(#""errors":{"parity":2,"framing":7,"overrun":0,"breaks":0}"#))
    for errors in [nil, UARTErrorCounters(parity: 0, framing: 0, overrun: 0, breaks: 0)] {
      status.lines[0].errors = errors
      #expect(StatusScreen(status, language: .english).lines.count == lines.count - 1)
    }
  }

  @Test func `the log's sizes, mirror and clock are at the end`() throws {
    let status = try GatewayStatus(decoding: Example.answer)
    let lines = StatusScreen(status, language: .english).lines
    #expect(
      lines.dropLast().last
        == "log 12 345 entries  signed 12 340  acknowledged 12 300  backlog 45")
    #expect(lines.last == "mirror up  clock NTP, within 1 ms  on disk 1024 KiB")
  }

  @Test func `where nothing may call out no advice names a link, and no word an upload`() throws {
    var status = try GatewayStatus(decoding: Example.answer)
    status.room = GatewayStatus.Room(
      byteCount: 0, limit: 1 << 30, growth: 1 << 28, minimum: 0, written: nil)
    status.conditions = ["events-only", "totals-only", "slowed"]
    func text(_ language: Language) -> String {
      StatusScreen(status, language: language, columns: 400).lines.joined(separator: "\n")
    }
    #expect(text(.english).contains("Mend the link to the collector"))
    #expect(text(.chinese).contains("待上传") && text(.chinese).contains("请恢复与汇集端的通信"))
    status.log.packaged = 12_340
    #expect(
      !text(.english).contains("link to the collector") && !text(.english).contains("offline"))
    #expect(
      text(.english).contains(
        "Bring an acknowledgement back, shorten 'retention' of the site, or raise quota_mib"))
    #expect(text(.english).contains("not acknowledged 45"))
    #expect(text(.english).contains("without an acknowledgement room for 0.0 days"))
    #expect(
      !text(.chinese).contains("通信") && !text(.chinese).contains("上传")
        && !text(.chinese).contains("离线"))
    #expect(text(.chinese).contains("请带回确认文件，缩短站点的 retention，或增大板卡的 quota_mib"))
    #expect(text(.chinese).contains("待确认 45") && text(.chinese).contains("若无确认尚可存 0.0 天"))
    status.conditions = []
    #expect(text(.english).contains("without an acknowledgement room for 3.1 days"))
    #expect(StatusScreen(status, language: .chinese).summary.contains("待确认 45"))
  }

  @Test(arguments: [60, 72, 80], [Language.english, .chinese])
  func `no number of the screen is cut`(columns: Int, language: Language) throws {
    var status = try GatewayStatus(decoding: Example.answer)
    status.log.size = 1_376_000
    status.log.signed = 1_366_000
    status.log.packaged = 1_292_000
    status.log.acknowledged = 432_000
    status.lines[0].device = "/dev/serial/by-path/platform-a000000.usb-usb-0:1.4.2:1.0-port0"
    for place in status.devices[0].values.indices where status.devices[0].values[place].value != nil
    {
      status.devices[0].values[place].value = "263999994720123456.00"
    }
    status.room = GatewayStatus.Room(
      byteCount: 123 << 20, limit: 1 << 30, growth: 9 << 20, minimum: 0, written: 12_345 << 20)
    let lines = StatusScreen(status, language: language, columns: columns).lines
    let text = lines.joined(separator: "\n")
    for number in ["1 376 000", "1 366 000", "1 292 000", "432 000", "944 000", "12345 MiB"] {
      #expect(text.contains(number), "\(number) in\n\(text)")
    }
    #expect(text.contains("263999994720123456.00 kW"))
    for line in lines where !line.contains("2639999") {
      #expect(TextLayout.width(line) <= columns, "\(line)")
    }
    // In a line of its own where it does not fit beside the rest, and whole again when it is joined.
    #expect(lines.map { $0.drop { $0 == " " } }.joined().contains("usb-0:1.4.2:1.0-port0"))
  }

  @Test func `the time offline follows from the plan until it was measured`() throws {
    var status = try GatewayStatus(decoding: Example.answer)
    status.room = GatewayStatus.Room(
      byteCount: 0, limit: 1_000 << 20, growth: nil, minimum: 0, written: nil)
    func text(_ language: Language) -> String {
      StatusScreen(status, language: language).lines.joined(separator: "\n")
    }
    status.wear = nil
    #expect(text(.english).contains("can be offline for … (known after ten minutes)"))
    status.wear = GatewayStatus.Wear(
      commitMilliseconds: 1_000, planned: 90 << 20, plannedGrowth: 40 << 20, budget: nil, years: nil
    )
    // 80 % of 1000 MiB at 40 MiB a day.
    #expect(
      text(.english).contains("can be offline for at least 20.0 days (measured after ten minutes)"))
    #expect(text(.chinese).contains("至少可离线 20.0 天（十分钟后可实测）"))
    status.room?.growth = 20 << 20
    #expect(text(.english).contains("can be offline for 40.0 days"))
  }

  @Test func `Chinese has its own colon`() throws {
    var status = try GatewayStatus(decoding: Example.answer)
    status.link = .down
    status.linkReason = "\(LinkFailure.allCases[0].key)"
    for packaged in [nil, 3] {
      status.log.packaged = packaged
      let text = StatusScreen(status, language: .chinese).lines.joined(separator: "\n")
      #expect(text.contains(packaged == nil ? "镜像：" : "数据包："))
    }
  }

  @Test func `the medium's years by the plan and as measured`() throws {
    var status = try GatewayStatus(decoding: Example.answer)
    // A budget of 1,461,000 MiB: 7,305 days of 200 MiB are 20 years, 5,844 of 250 MiB are 16.
    status.wear = GatewayStatus.Wear(
      commitMilliseconds: 2_848, planned: 200 << 20, plannedGrowth: 100 << 20,
      budget: 1_461_000 << 20, years: 10)
    status.room = GatewayStatus.Room(
      byteCount: 0, limit: 1 << 30, growth: nil, minimum: 0, written: 250 << 20)
    func text(_ language: Language) -> String {
      StatusScreen(status, language: language, columns: 400).lines.joined(separator: "\n")
    }
    #expect(
      text(.english).contains(
        "a commit every 2848 ms: a power cut loses at most that much; the plan writes 200 MiB a day, which a new "
          + "medium bears for 20.0 years (10 wanted); measured is 125 % of the plan: 16.0 years"))
    #expect(
      text(.chinese).contains(
        "每 2848 ms 提交一次：断电最多丢失一个提交间隔的数据；计划每天写入 200 MiB，新介质可用 20.0 年（要求 10 年）；"
          + "实测为计划的 125 %：16.0 年"))
    #expect(
      status.json.contains(
        #""wear":{"years":10,"commit":2848,"planned":209715200,"planned_growth":104857600,"endurance":"#
      ))
    status.room = nil
    status.wear?.budget = nil
    #expect(
      text(.english).contains("the plan writes 200 MiB a day\n")
        || text(.english).hasSuffix("MiB a day"))
  }

  @Test(arguments: LinkFailure.allCases, [Language.english, .chinese])
  func `why the mirror is not reached is told whole`(
    failure: LinkFailure, language: Language
  ) throws {
    var status = try GatewayStatus(decoding: Example.answer)
    status.link = .down
    status.linkReason = "\(failure.key)"
    let lines = StatusScreen(status, language: language, columns: 60).lines
    let wording = "\(language == .chinese ? failure.chinese : failure.english)"
    // A line break takes the place of a space, where the wording has one.
    let told = lines.suffix(4).joined().filter { $0 != " " }
    #expect(told.contains(wording.filter { $0 != " " }))
    for line in lines { #expect(TextLayout.width(line) <= 60, "\(line)") }
  }

  @Test(arguments: MirrorAlarm.allCases, [Language.english, .chinese])
  func `what the mirror finds wrong is told whole`(alarm: MirrorAlarm, language: Language) throws {
    var status = try GatewayStatus(decoding: Example.answer)
    status.link = .refused
    status.linkReason = "\(alarm.key)"
    let lines = StatusScreen(status, language: language, columns: 60).lines
    let wording = "\(language == .chinese ? alarm.chinese : alarm.english)"
    let told = lines.suffix(7).joined().filter { $0 != " " }
    #expect(told.contains(wording.filter { $0 != " " }))
    for line in lines { #expect(TextLayout.width(line) <= 60, "\(line)") }
  }

  @Test(arguments: [401, 502], [Language.english, .chinese])
  func `a refusal of live values is told whole, and makes no status bad`(
    refusal: Int, language: Language
  ) throws {
    var status = try GatewayStatus(decoding: Example.answer)
    let before = StatusScreen(status, language: language, columns: 60).lines
    let wasWell = status.isWell
    status.liveRefusal = refusal
    let lines = StatusScreen(status, language: language, columns: 60).lines
    #expect(Array(lines.prefix(before.count)) == before)
    // A line break takes the place of a space, where the wording has one.
    let told = lines.dropFirst(before.count).joined().filter { $0 != " " }
    #expect(told.contains(refusal == 401 ? "keys/live.token" : "HTTP"))
    #expect(told.contains(language == .chinese ? "日志记录不受影响" : "Therecordisnotconcerned"))
    for line in lines { #expect(TextLayout.width(line) <= 60, "\(line)") }
    #expect(status.isWell == wasWell)
    #expect(status.json.contains(#""live_refusal":\#(refusal)"#))
  }

  @Test func `no two reasons have the same word`() {
    let keys = LinkFailure.allCases.map { "\($0.key)" } + MirrorAlarm.allCases.map { "\($0.key)" }
    #expect(Set(keys).count == keys.count)
  }

  @Test func `a reason of a newer agent is shown by its word`() throws {
    var status = try GatewayStatus(decoding: Example.answer)
    status.linkReason = "solar-storm"
    #expect(StatusScreen(status, language: .english).lines.last == "solar-storm")
  }

  @Test func `long text is broken at spaces, and anywhere without them`() {
    #expect(TextLayout.wrap("one two three", 7) == ["one two", "three"])
    #expect(TextLayout.wrap("one two three", 8) == ["one two", "three"])
    #expect(TextLayout.wrap("abcdefgh", 3) == ["abc", "def", "gh"])
    #expect(TextLayout.wrap("发电机出线", 5) == ["发电", "机出", "线"])
    #expect(TextLayout.wrap("", 5) == [])
    #expect(TextLayout.wrap("发", 1) == ["发"])
  }

  @Test func `a Latin word stays with its Chinese, and brackets stay together`() {
    #expect(TextLayout.wrap("请拨开 U 盘写保护开关", 10) == ["请拨开", "U 盘写保护", "开关"])
    #expect(
      TextLayout.wrap("检查站点文件的公钥 (mirror: vkey) 后再试", 24) == ["检查站点文件的公钥", "(mirror: vkey) 后再试"])
    #expect(
      TextLayout.wrap("look at the key (mirror: vkey)", 24) == [
        "look at the key", "(mirror: vkey)",
      ])
    #expect(TextLayout.wrap("一二三四，五六", 8) == ["一二三", "四，五六"])
    #expect(TextLayout.wrap("运行 tally verify 核查", 14) == ["运行 tally", "verify 核查"])
    #expect(
      TextLayout.wrap("the plan writes 558 MiB a day", 20) == ["the plan writes", "558 MiB a day"])
    // Half a line empty is worse than broken brackets.
    #expect(TextLayout.wrap("ab (cdefgh ijkl mnop)", 12) == ["ab (cdefgh", "ijkl mnop)"])
  }

  @Test func `parts are kept whole`() {
    #expect(TextLayout.flow(["log 1 376", "signed 1 366"], 20) == ["log 1 376", "signed 1 366"])
    #expect(TextLayout.flow(["log 1 376", "signed 1 366"], 23) == ["log 1 376  signed 1 366"])
    #expect(TextLayout.flow([], 20) == [])
  }

  @Test func `Chinese characters take two columns`() {
    #expect(TextLayout.width("发电机") == 6)
    #expect(TextLayout.fit("发电机出线", 7) == "发电机…")
    #expect(TextLayout.fit("发电机", 8, right: true) == "  发电机")
    #expect(TextLayout.fit("发电机出线", 8) == "发电机 …")
  }

  @Test func `numbers are grouped by thousands`() {
    #expect(TextLayout.grouped(0) == "0")
    #expect(TextLayout.grouped(999) == "999")
    #expect(TextLayout.grouped(1000) == "1 000")
    #expect(TextLayout.grouped(-1_234_567) == "-1 234 567")
  }
}
