import Catalog
import Gateway
import HAL
import HostHAL

/// A reload from the signal to the answer.
struct Reload {
  /// What is done at the moment.
  enum Phase {
    case rest
    case loading
    case changing(Composition)
  }

  let loader: SiteLoader
  /// Somebody wants the site to be loaded, from now on: the file may have changed since the last load.
  var isAsked = false
  var phase = Phase.rest

  init(loader: SiteLoader) { self.loader = loader }
}

extension Agent {
  /// Does what can be done of a reload now. The old site is polled until the new one takes over.
  mutating func advanceReload(at now: Instant) {
    switch reload.phase {
    case .rest:
      guard reload.isAsked else { return }
      reload.isAsked = false
      reload.phase = .loading
      reload.loader.begin()
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
