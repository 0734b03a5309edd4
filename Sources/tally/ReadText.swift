import AgentClient
import Catalog
import MeterProtocols
import Metering

/// What `tally read` says besides values.
enum ReadText {
  case rawAlone
  case unknownDevice(String)
  case severalDevices(String)
  case devicesAre
  case notInSite(number: Int, path: String)
  case notInForce(path: String)
  case noSitePath
  case noShare([String])
  case noValue(state: DeviceState?)
  case oldValues(state: DeviceState?)
  case notAsked(AgentError)
  case allAnswered(requests: Int)
  case someFailed(failed: Int, requests: Int)
  case timeout(address: String, rate: String, timeout: Int)
  case damaged(rate: String)
  case refused(code: UInt8?, profile: String)
  case portGone
  case undecoded(profile: String)

  func text(_ language: Language) -> String { language == .chinese ? chinese : english }

  var english: String {
    switch self {
    case .rawAlone: "--raw needs --live: the status carries no frames"
    case .unknownDevice(let name): "the running site has no device \(name)"
    case .severalDevices(let name): "\(name) may mean several devices: give the number"
    case .devicesAre: "its devices are:"
    case .notInSite(let number, let path):
      "\(path) has no device \(number): it was changed since the agent read it"
    case .notInForce(let path):
      "\(path), or a profile of it, is not what tallyd runs: it was changed and not reloaded. "
        + "Run tally reload, then ask again"
    case .noSitePath: "this tallyd does not tell its site file: name it with --site"
    case .noShare(let tried): "no profiles and boards in \(tried.joined(separator: ", "))"
    case .noValue(let state): "no value yet; state: \(state?.english ?? "?")"
    case .oldValues(let state):
      switch state {
      case .portLost:
        "The values are old: the port of the line is gone. Plug the adapter in; tally status tells when it "
          + "is back"
      case .silent, .waiting, .answering, .other, nil:
        "The values are old: the device is \(state?.english ?? "?"). Ask with --live to see what to look at"
      }
    case .notAsked(let refusal): "The rest was not asked: \(refusal.english)"
    case .allAnswered(let requests): "\(requests) of \(requests) requests answered"
    case .someFailed(let failed, let requests):
      "\(requests - failed) of \(requests) requests answered"
    case .timeout(let address, let rate, let timeout):
      """
      The meter did not answer within \(timeout) ms. Look at:
        power      is the meter on, does its display show something?
        wiring     A to A and B to B? Exchange them once; is the cable whole, terminated at both ends?
        address    is \(address) what the meter's menu or nameplate says?
        rate       is the meter set to \(rate)?
        patience   a slow meter needs a longer timeout_ms in the site
      """
    case .damaged(let rate):
      """
      Bytes came, but no whole answer. Look at:
        rate       is the meter set to \(rate)?
        address    do two meters on the line have the same one?
        wiring     shield, grounding, termination at both ends, length
      """
    case .refused(let code, let profile):
      "The meter refuses the request (code \(code.map { "\($0)" } ?? "?")): does profile \(profile) "
        + "belong to this model?"
    case .portGone: "The port went away: is the adapter plugged in?"
    case .undecoded(let profile):
      "The meter answers, but not every value could be read: does profile \(profile) belong to this "
        + "model?"
    }
  }

  var chinese: String {
    switch self {
    case .rawAlone: "--raw 须与 --live 同用：状态中没有报文"
    case .unknownDevice(let name): "运行中的站点没有设备 \(name)"
    case .severalDevices(let name): "\(name) 可能指多台设备：请给出编号"
    case .devicesAre: "站点中的设备："
    case .notInSite(let number, let path): "\(path) 中没有设备 \(number)：网关读取之后该文件已更改"
    case .notInForce(let path):
      "\(path) 或其设备档案与 tallyd 正在运行的不同：已更改但未重新加载。请先运行 tally reload，再读取"
    case .noSitePath: "此 tallyd 未告知站点文件：请用 --site 指明"
    case .noShare(let tried): "以下位置没有设备档案与板卡描述：\(tried.joined(separator: "、"))"
    case .noValue(let state): "尚无数值；状态：\(state?.chinese ?? "?")"
    case .oldValues(let state):
      switch state {
      case .portLost: "数值已旧：线路端口已断开。请插好适配器；恢复情况见 tally status"
      case .silent, .waiting, .answering, .other, nil:
        "数值已旧：设备状态为“\(state?.chinese ?? "?")”。请用 --live 读取，查看应检查什么"
      }
    case .notAsked(let refusal): "其余请求未发出：\(refusal.chinese)"
    case .allAnswered(let requests): "\(requests) 条请求均已应答"
    case .someFailed(let failed, let requests): "\(requests) 条请求中 \(requests - failed) 条已应答"
    case .timeout(let address, let rate, let timeout):
      """
      仪表在 \(timeout) 毫秒内未应答。请检查：
        供电    仪表是否通电，显示屏是否正常？
        接线    A 接 A、B 接 B 是否正确？可对调一次；电缆是否完好，两端是否有终端电阻？
        地址    \(address) 是否与仪表菜单或铭牌一致？
        波特率  仪表是否设为 \(rate)？
        超时    应答慢的仪表需在站点中增大 timeout_ms
      """
    case .damaged(let rate):
      """
      收到字节，但没有完整应答。请检查：
        波特率  仪表是否设为 \(rate)？
        地址    线路上是否有两台仪表地址相同？
        接线    屏蔽、接地、两端终端电阻、线路长度
      """
    case .refused(let code, let profile):
      "仪表拒绝该请求（代码 \(code.map { "\($0)" } ?? "?")）：设备档案 \(profile) 是否适用于该型号？"
    case .portGone: "端口已断开：适配器是否插好？"
    case .undecoded(let profile): "仪表已应答，但部分数值无法解读：设备档案 \(profile) 是否适用于该型号？"
    }
  }
}

extension NoData {
  /// Why there is no value, in a word or two.
  func text(_ language: Language) -> String { language == .chinese ? chinese : english }

  private var english: String {
    switch self {
    case .timeout: "no answer"
    case .badChecksum: "damaged answer"
    case .exception: "refused"
    case .noPort: "no port"
    case .malformed: "not in the answer"
    case .notAvailable: "not available"
    case .notANumber: "not a number"
    case .notDecimal: "not decimal"
    case .overflow: "out of range"
    case .notYet: "not read yet"
    }
  }

  private var chinese: String {
    switch self {
    case .timeout: "无应答"
    case .badChecksum: "应答损坏"
    case .exception: "被拒绝"
    case .noPort: "无端口"
    case .malformed: "应答中没有"
    case .notAvailable: "不可用"
    case .notANumber: "非数值"
    case .notDecimal: "非十进制"
    case .overflow: "超出范围"
    case .notYet: "尚未读取"
    }
  }
}
