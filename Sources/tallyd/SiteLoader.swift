import Catalog
import Gateway
import HostHAL
import SiteComposition
import TransparencyLog

/// The mirror's key, which the site names.
enum MirrorKey {
  static func load(_ site: Site, data: String) throws(Text) -> VerifierKey {
    let path: String
    let text: String
    var place = YAMLPlace.start
    switch site.mirror.verifierKey {
    case .inline(let vkey):
      path = site.path
      place = site.place(of: .mirrorVerifierKey)
      text = vkey
    case .file(let name):
      path = name.hasPrefix("/") ? name : data + "/" + name
      do throws(FileError) {
        var bytes = try Files.read(path, limit: 4_096)
        while bytes.last == 0x0A || bytes.last == 0x0D { bytes.removeLast() }
        text = String(decoding: bytes, as: UTF8.self)
      } catch {
        throw .noMirrorKey(
          site: site.path, site.place(of: .mirrorVerifierKey), path: path, error)
      }
    }
    do throws(VerifierKeyFault) {
      return try VerifierKey(text, expecting: .cosigner)
    } catch {
      throw .finding(
        Finding(file: path, place: place, kind: .site(.verifierKey(found: text, error))))
    }
  }
}

/// A site that was loaded anew, or what is wrong with it.
enum LoadedSite: Sendable {
  case good(Composition, PollSite)
  case bad([ReloadAnswer.Finding])
}

/// Loads and checks a site for an agent that runs.
struct SiteLoading: Sendable {
  let arguments: Arguments
  let origin: KeyName
  let epoch: UInt32
  /// The site and the mirror's key that the agent was started with.
  let started: Site
  let mirrorKey: VerifierKey

  func load() -> LoadedSite {
    var tried: [String] = []
    guard let share = Share.locate(option: arguments.share, tried: &tried) else {
      return .bad([ReloadAnswer.Finding(.noShare(tried: tried))])
    }
    switch Site.load(path: arguments.site, share: share, deviceDirectory: Share.deviceDirectory) {
    case .failure(let findings): return .bad(findings.list.map { ReloadAnswer.Finding($0) })
    case .success(let site): return check(site)
    }
  }

  private func check(_ site: Site) -> LoadedSite {
    let composition = Composition(site: site)
    var findings: [Text] = []
    var fixed = started.fixedSettings(changedBy: site)
    do throws(Text) {
      let key = try MirrorKey.load(site, data: arguments.data)
      if "\(key)" != "\(mirrorKey)" {
        fixed.append(
          FixedSetting(key: .mirrorVerifierKey, running: "\(mirrorKey)", found: "\(key)"))
      }
    } catch {
      findings.append(error)
    }
    findings += fixed.map {
      .finding(site.finding(.needsRestart($0), at: site.place(of: $0.key)))
    }
    guard findings.isEmpty else { return .bad(findings.map { ReloadAnswer.Finding($0) }) }
    return .good(composition, composition.pollSite(origin: origin, epoch: epoch))
  }
}

extension ReloadAnswer.Finding {
  init(_ text: Text) {
    self.init(english: Array(text.english.utf8), chinese: Array(text.chinese.utf8))
  }

  init(_ finding: Finding) {
    self.init(
      english: Array(finding.text(.english).utf8), chinese: Array(finding.text(.chinese).utf8))
  }
}

/// Loads the site on a thread of its own, so that neither a long file nor a slow disk holds up a line.
final class SiteLoader {
  private let loading: SiteLoading
  private let loaded: Mailbox<LoadedSite>
  private var thread: PosixThread?

  /// A loader that wakes `wake` when it is done.
  init(_ loading: SiteLoading, waking wake: WakeHandle) {
    self.loading = loading
    loaded = Mailbox(reader: wake)
  }

  /// Begins to load. Only when nothing is being loaded.
  func begin() {
    precondition(thread == nil, "one load at a time")
    let loading = loading
    let loaded = loaded
    do throws(ThreadError) {
      // The YAML reader goes as deep as the file, which it bounds.
      thread = try PosixThread(name: "site", stackByteCount: 1 << 20) { loaded.put(loading.load()) }
    } catch {
      loaded.put(.bad([ReloadAnswer.Finding(.noThread(errno: error.errno))]))
    }
  }

  /// What was loaded, once it is there.
  func take() -> LoadedSite? {
    guard let site = loaded.take() else { return nil }
    if let thread = thread.take() { thread.join() }
    return site
  }
}
