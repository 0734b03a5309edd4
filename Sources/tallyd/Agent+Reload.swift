import Catalog
import Gateway
import HAL
import HostHAL
import SiteComposition

/// A reload from the signal to the answer.
struct Reload {
  /// What is done at the moment.
  enum Phase {
    case rest
    case loading
    case changing(Composition)
  }

  let loader: SiteLoader
  var phase = Phase.rest
  /// Somebody asked since the load began: the file may have changed, so it is loaded once more.
  private(set) var isAsked = false
  /// Tools that wait for the answer of this load, and of the next.
  private(set) var tickets: [UInt64] = []
  private var nextTickets: [UInt64] = []

  init(loader: SiteLoader) { self.loader = loader }

  /// Asks for a load, for a tool or (`nil`) by the signal.
  mutating func ask(_ ticket: UInt64?) {
    isAsked = true
    if let ticket { nextTickets.append(ticket) }
  }

  /// Begins the load that was asked for.
  mutating func begin() {
    isAsked = false
    tickets = nextTickets
    nextTickets = []
    phase = .loading
    loader.begin()
  }
}

extension Agent {
  /// Does what can be done of a reload now. The old site is polled until the new one takes over.
  mutating func advanceReload(at now: Instant) {
    switch reload.phase {
    case .rest:
      guard reload.isAsked else { return }
      reload.begin()
    case .loading:
      guard let loaded = reload.loader.take() else { return }
      switch loaded {
      case .bad(let findings): conclude(ReloadAnswer(.refused, findings: findings))
      case .good(let composition, let site):
        let kept = ports.kept(by: composition.site.lines)
        if acquisition.beginChange(to: site, keptLines: kept, at: now) {
          reload.phase = .changing(composition)
        } else {
          conclude(ReloadAnswer(.unchanged))
        }
      }
    case .changing(let composition):
      switch acquisition.changeState {
      case .none, .underWay: break
      case .ready:
        let lines = composition.site.lines
        let kept = ports.kept(by: lines)
        let report = acquisition.changeSite(at: now)
        ports.replace(with: lines, kept: kept)
        conclude(ReloadAnswer(.reloaded, report: report))
      case .givenUp:
        acquisition.endChange()
        conclude(ReloadAnswer(.refused, findings: [ReloadAnswer.Finding(.queueFull)]))
      }
    }
  }

  /// Says how the reload ended, to everybody who asked.
  private mutating func conclude(_ answer: ReloadAnswer) {
    reload.phase = .rest
    let now = clock.microseconds()
    for ticket in reload.tickets { control.answer(ticket, now: now) { answer.write(to: &$0) } }
    switch answer.outcome {
    case .reloaded: say(.reloaded(answer.report))
    case .unchanged: say(.nothingChanged)
    case .refused:
      complain(Text.notReloaded.text(language))
      for finding in answer.findings {
        let text = language == .english ? finding.english : finding.chinese
        complain(String(decoding: text, as: UTF8.self))
      }
    }
  }

  private func complain(_ text: String) { writeStandardError(text + "\n") }
}
