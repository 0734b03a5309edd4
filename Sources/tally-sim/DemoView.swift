import AgentClient
import Catalog
import HostHAL

/// What a run shows: a picture that is redrawn each second on a terminal, lines otherwise.
struct DemoView {
  private let language: Language
  private let isTerminal: Bool
  /// The picture is on the screen, in the terminal's other buffer.
  private var isDrawn = false
  private var states: [Int: DeviceState] = [:]
  private var hasValue: Set<Int> = []
  /// Seconds between two summary lines without a terminal.
  private let summarySeconds: UInt64 = 5
  private var nextSummary: UInt64 = 0

  init(language: Language) {
    self.language = language
    isTerminal =
      ProcessEnvironment.isTerminal(1) && ProcessEnvironment.value(of: "TERM") != "dumb"
  }

  /// One line, before and after the picture.
  mutating func say(_ text: DemoText) { say(text.text(language)) }

  /// One line of plain text.
  mutating func say(_ text: String) {
    leave()
    writeStandardOutput(text + "\n")
  }

  /// Something has changed or a second has passed.
  ///
  /// - Parameter seconds: since everything was ready.
  mutating func show(_ status: GatewayStatus, seconds: UInt64, note: String) {
    if isTerminal { draw(status, note) } else { list(status, seconds) }
  }

  /// Ends the picture and gives the terminal back as it was.
  mutating func leave() {
    guard isDrawn else { return }
    writeStandardOutput("\u{1B}[?25h\u{1B}[?1049l")
    isDrawn = false
  }

  // MARK: terminal

  private mutating func draw(_ status: GatewayStatus, _ note: String) {
    let size = ProcessEnvironment.terminalSize(1) ?? (80, 24)
    var lines = StatusScreen(status, language: language, columns: size.columns).lines
    lines.insert("", at: 0)
    lines.insert("\u{1B}[1m" + title(status, size.columns) + "\u{1B}[0m", at: 0)
    lines += ["", TextLayout.cut(note, size.columns)]
    var text = isDrawn ? "" : "\u{1B}[?1049h\u{1B}[?25l"
    isDrawn = true
    text += "\u{1B}[H"
    // One row stays free: a line end on the last one would scroll.
    for line in lines.prefix(max(size.rows - 1, 1)) { text += line + "\u{1B}[K\r\n" }
    writeStandardOutput(text + "\u{1B}[J")
  }

  private func title(_ status: GatewayStatus, _ columns: Int) -> String {
    let name = "Tallystick 碳契  " + (status.log.origin ?? "")
    let time = DemoView.time(status.now)
    let room = columns - TextLayout.width(time) - 1
    return TextLayout.fit(name, max(room, 10)) + " " + time
  }

  /// UTC time of day of a number of µs since 1970.
  static func time(_ microseconds: Int?) -> String {
    guard let microseconds else { return "" }
    let seconds = microseconds / 1_000_000 % 86_400
    let parts = [seconds / 3600, seconds / 60 % 60, seconds % 60]
    return parts.map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: ":") + " UTC"
  }

  // MARK: lines

  private mutating func list(_ status: GatewayStatus, _ seconds: UInt64) {
    let screen = StatusScreen(status, language: language)
    for device in status.devices {
      let isNew = device.mainValue?.value != nil && hasValue.insert(device.number).inserted
      let changed = states.updateValue(device.state ?? .waiting, forKey: device.number)
      if isNew || (changed != nil && changed != device.state) {
        writeStandardOutput(screen.wording(of: device) + "\n")
      }
    }
    guard seconds >= nextSummary else { return }
    nextSummary = seconds - seconds % summarySeconds + summarySeconds
    writeStandardOutput("\(seconds) s  \(screen.summary)\n")
  }
}
