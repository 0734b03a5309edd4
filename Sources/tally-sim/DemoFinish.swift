import AgentClient
import Catalog
import HostHAL

extension Demo {
  /// Ends the run in order and says what it came to.
  ///
  /// - Parameter isTimed: the time given has passed, so the run must show that it worked.
  mutating func finish(isTimed: Bool) -> Int32 {
    if let newest = readStatus() { status = newest }
    view.leave()
    if let status {
      for line in StatusScreen(status, language: options.language).lines { view.say(line) }
    }
    if let seconds = firstAcknowledgementSeconds {
      view.say(.firstAcknowledgement(seconds: seconds))
    }
    stop(.gateway)
    // The collector decodes after it acknowledges: what it has is asked for once nothing new comes.
    let hasReadings = isTimed ? findReadings() : true
    stop(.collector)
    stop(.simulator)
    let acknowledged = mirroredSize() ?? status?.log.acknowledged ?? 0
    let isAcknowledged = acknowledged > acknowledgedBefore
    view.say(
      isAcknowledged
        ? .acknowledged(acknowledged, new: acknowledged - acknowledgedBefore)
        : .nothingAcknowledged)
    let isVerified = isTimed ? verify() : true
    view.say(.dataLies(paths.root))
    if let command = verifyCommand() {
      view.say(
        .verifyWith(command.map { $0.contains("+") ? "'\($0)'" : $0 }.joined(separator: " ")))
    }
    return !isTimed || (isAcknowledged && hasReadings && isVerified) ? 0 : 1
  }

  /// Ends whatever runs, gateway first, without words.
  mutating func stopAll() {
    for child in children.reversed() { _ = child.stop(now: clock.microseconds()) }
    children = []
  }

  private mutating func stop(_ role: DemoRole) {
    guard let place = children.firstIndex(where: { $0.role == role }) else { return }
    view.say(.stopping(role))
    if !children[place].stop(now: clock.microseconds()) { view.say(.killed(role)) }
    children.remove(at: place)
  }

  /// What the collector has countersigned at the end: the second line of its checkpoint.
  private func mirroredSize() -> Int? {
    let logs = paths.collector + "/logs"
    guard let name = try? Files.names(in: logs).first,
      let note = try? Files.read("\(logs)/\(name)/checkpoint", limit: 65_536)
    else { return nil }
    let lines = String(decoding: note, as: UTF8.self).split(separator: "\n")
    return lines.count > 1 ? Int(lines[1]) : nil
  }

  /// Asks the collector for values that were read since everything was ready.
  private mutating func findReadings() -> Bool {
    guard let token = try? keys.token(), let origin = status?.log.origin else {
      view.say(.noReadings("-"))
      return false
    }
    let deadline = clock.microseconds() + 10_000_000
    var why = ""
    while clock.microseconds() < deadline {
      let path = "/api/readings?origin=\(origin)&from=\(readyAtUTC)&limit=1000"
      if let answer = LoopbackHTTP.get(port: port, path: path, token: token) {
        let count = answer.body.split(separator: "\"value\":\"").count - 1
        if answer.status == 200, count > 0 {
          view.say(.readings(count))
          return true
        }
        why = "HTTP \(answer.status)"
      }
      _ = wake.wait(microseconds: 500_000)
    }
    view.say(.noReadings(why))
    return false
  }

  private mutating func verify() -> Bool {
    guard let command = verifyCommand(),
      let outcome = try? DemoKeys.outcome(command[0], Array(command.dropFirst()))
    else { return false }
    for line in outcome.output.split(separator: "\n") { view.say("  | " + line) }
    if outcome.exit.isSuccess {
      view.say(.verified)
      return true
    }
    guard case .exited(let code) = outcome.exit else { return false }
    view.say(.notVerified(code: code))
    return false
  }

  /// `tally verify` on the collector's log of this gateway.
  private func verifyCommand() -> [String]? {
    guard let keys = try? keys.verifierKeys() else { return nil }
    return [
      paths.program("tally"), "verify", paths.collector, "--vkey", keys.log, "--cosigner",
      keys.mirror, "--lang", options.language.name,
    ]
  }
}
