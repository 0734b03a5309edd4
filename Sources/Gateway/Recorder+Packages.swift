import HAL
import Journal
import Metering
import TransparencyLog
import Uplink

extension Recorder where Storage: ~Copyable, Key: ~Copyable {
  /// Takes what came of the last request for the directory, and gives the next one if it is due.
  ///
  /// A checkpoint goes into a package only after it is durable in the superblock as what may have left: either as the
  /// signed one, or as the released one that is written with the next. Nothing is asked for without a directory.
  ///
  /// - Parameters:
  ///   - now: both clocks.
  ///   - answer: that to the last request, once.
  ///   - canSubmit: no request is under way.
  ///   - entropy: for the jitter of waits.
  /// - Throws: `journal` when an acknowledgement could not be made durable; its file is taken again later.
  public mutating func packageTurn<Entropy: EntropySource & ~Copyable>(
    at now: Instant, answer: PackageAnswer?, canSubmit: Bool, entropy: inout Entropy
  ) throws(RecorderError) -> PackageRequest? {
    guard var packages else { return nil }
    if let answer {
      let superblock = evidence.journal.superblock
      let before = packages.acknowledgedSize
      let log = SignedLog(
        key: VerifierKey(name: packages.origin, type: .log, publicKey: key.publicKey),
        signedSize: superblock.signedSize)
      let verifier = verifier
      let events = packages.receive(
        answer, now: now, log: log, source: &evidence, verifier: verifier, randomness: &entropy)
      report.alarm = packages.alarm
      report.linkFailure = packages.failure
      do throws(RecorderError) {
        for event in events { try act(on: event) }
      } catch {
        packages.putBack(acknowledgedSize: before, now: now.mono)
        self.packages = packages
        throw error
      }
      if packages.failure == nil { setLink(packages.alarm == nil ? .up : .refused) }
      self.packages = packages
      publish()
    }
    guard canSubmit else {
      try noteSilence(at: now)
      return nil
    }
    let minimumIndex = evidence.journal.superblock.minimumIndex
    let request: PackageRequest?
    do throws(HashSourceError) {
      request = try packages.nextRequest(
        now: now.mono, minimumIndex: minimumIndex, source: &evidence,
        isSignedDoubtful: isSignedDoubtful)
    } catch {
      // The client is asked again at once: it looks into the directory then.
      noteUnreadable(error)
      self.packages = packages
      return nil
    }
    if request?.package != nil {
      noteReadable()
      if let size = packages.offeredSize { evidence.journal.noteReleased(size: size) }
    }
    self.packages = packages
    return request
  }

  /// A directory that does not answer is told.
  private mutating func noteSilence(at now: Instant) throws(RecorderError) {
    let events = packages?.noteSilence(now: now.mono) ?? []
    report.linkFailure = packages?.failure
    for event in events { try act(on: event) }
  }
}
