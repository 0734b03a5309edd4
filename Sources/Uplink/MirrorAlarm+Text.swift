extension MirrorAlarm {
  /// The word of the status answer; none is a `LinkFailure`'s.
  public var key: StaticString {
    switch self {
    case .notEnrolled: "not-enrolled"
    case .keyUnknown: "key-unknown"
    case .historyConflict: "history-conflict"
    case .entriesRefused: "entries-refused"
    case .beyondSigned: "beyond-signed"
    case .lostData: "lost-data"
    case .badCosignature: "bad-cosignature"
    case .implausibleTime: "implausible-time"
    case .ownDataDamaged: "own-data-damaged"
    case .unintelligible: "unintelligible"
    case .strangeAcknowledgement: "strange-acknowledgement"
    }
  }

  /// What is wrong between this log and its mirror, and what to do.
  public var english: StaticString {
    switch self {
    case .notEnrolled:
      """
      the collector does not know this log: run tally-collector enroll there with the key that tally \
      keys show prints. Asked again every 15 minutes; nothing is lost meanwhile
      """
    case .keyUnknown:
      """
      the collector knows this log with another key: compare tally keys show with what was enrolled \
      there. Asked again every 15 minutes; nothing is lost meanwhile
      """
    case .historyConflict:
      """
      the collector holds another history of this log, nothing new is sent: the data directory was \
      restored from an old copy, or a second gateway has the same key. Keep the directory, compare \
      both halves with tally verify, and begin a new log (another --data directory and serial)
      """
    case .entriesRefused:
      """
      the collector has our checkpoint and refuses its entries, nothing new is sent: one of the two \
      programs is wrong. Keep both halves, run tally verify on each, and report it
      """
    case .beyondSigned:
      """
      the collector holds more than this gateway signed, nothing new is sent: this storage was set \
      back, or a copy of it runs elsewhere. Find the copy; else begin a new log (another --data \
      directory and serial) and keep this one for the auditor
      """
    case .lostData:
      "the collector lacks entries that it had acknowledged; they are uploaded again. Look after its disk"
    case .badCosignature:
      """
      the collector's signature does not verify, nothing is acknowledged: its key is not the one in \
      site.yaml (mirror: vkey), or something changes what it sends
      """
    case .implausibleTime:
      """
      the time of the collector's signature is more than five minutes off, nothing is acknowledged: set \
      its clock and this one
      """
    case .ownDataDamaged:
      """
      entries read back here are not those that were signed, they are not sent: the medium is failing. \
      Run tally verify on this directory and replace the medium
      """
    case .unintelligible:
      "what answers under mirror: url is no collector: look at the address, and for a proxy in between"
    case .strangeAcknowledgement:
      """
      what lies in the directory for packages as an acknowledgement is none of this log, it was renamed to \
      .ack.refused: carry the file in that tally-collector import --ack wrote for this gateway
      """
    }
  }

  /// 本日志与镜像之间出了什么问题，应当怎么办。
  public var chinese: StaticString {
    switch self {
    case .notEnrolled:
      "汇集端不认识本日志：请在汇集端用 tally keys show 显示的公钥运行 tally-collector enroll。每 15 分钟重试，数据不会丢失"
    case .keyUnknown:
      "汇集端登记的是本日志的另一把密钥：请将 tally keys show 与登记内容对照。每 15 分钟重试，数据不会丢失"
    case .historyConflict:
      """
      汇集端持有本日志的另一份历史，不再发送新内容：数据目录由旧副本恢复，或另有网关使用同一密钥。请保留目录，\
      用 tally verify 核对两份日志，并以新的 --data 目录和序列号开始新日志
      """
    case .entriesRefused:
      "汇集端持有我方检查点却拒绝其条目，不再发送新内容：两端程序之一有误。请保留两份日志，分别运行 tally verify 并上报"
    case .beyondSigned:
      """
      汇集端持有的内容多于本网关所签，不再发送新内容：本机存储被回退，或其副本正在别处运行。请找出副本；\
      否则以新的 --data 目录和序列号开始新日志，并保留本目录供核查
      """
    case .lostData: "汇集端缺少其已确认的条目，正在重新上传。请检查汇集端磁盘"
    case .badCosignature:
      "汇集端签名未通过验证，不予确认：其密钥不是 site.yaml（mirror: vkey）中的密钥，或传输内容被改动"
    case .implausibleTime: "汇集端签名时间相差五分钟以上，不予确认：请校准两端时钟"
    case .ownDataDamaged:
      "本机读回的条目与已签名内容不一致，未予发送：介质正在损坏。请对本目录运行 tally verify 并更换介质"
    case .unintelligible: "mirror: url 处应答的不是汇集端：请检查地址及中间的代理"
    case .strangeAcknowledgement:
      """
      数据包目录中的确认文件不属于本日志，已改名为 .ack.refused：\
      请带回 tally-collector import --ack 为本网关写出的文件
      """
    }
  }
}
