import HostCrypto
import TransparencyLog

extension MirrorLog {
  /// Steps 3 to 8 of `add-checkpoint`; syntax and enrolment were checked before (`Collector.admit`).
  ///
  /// | # | check | else |
  /// |---|---|---|
  /// | 3 | a valid signature of the enrolled key, and no invalid one of it | 403 |
  /// | 4 | old ≤ size | 400 |
  /// | 5 | old is the pending size, 0 if none | 409 with the pending size |
  /// | 6 | size 0 has the empty root | 422 |
  /// | 7 | from 0 no proof; same size same root and no proof; else RFC 6962 consistency | 422 |
  /// | 8 | the note is kept, then answered | 200, empty |
  public func addCheckpoint(_ request: CheckpointRequest) -> MirrorAnswer {
    let checkpoint = request.submitted.checkpoint
    guard let line = request.submitted.line(of: verifierKey, with: SodiumVerifier()) else {
      return .wrongKey
    }
    guard request.old <= checkpoint.size else {
      return .refused(400, "the old size is larger than the new one")
    }
    do {
      try enter()
      defer { leave() }
      var (state, _) = try currentState()
      let pending = state.pending
      guard request.old == pending?.size ?? 0 else {
        return .otherOldSize(pending?.size ?? 0)
      }
      if let contradiction = contradiction(request, pending: pending) {
        keepRefused(request.submitted, old: request.old, reason: contradiction)
        return .refused(422, contradiction.english)
      }
      if let needless = needlessProof(request) { return .refused(422, needless) }
      let kept = StoredCheckpoint(
        size: checkpoint.size, root: checkpoint.root, text: request.submitted.text,
        signatureLines: line)
      try setting.probe(.keepPending)
      try setting.database.keepPending(
        kept, of: log.origin, after: pending?.size, mirrored: state.mirror?.size ?? 0)
      try setting.probe(.keptPending)
      if let pending, pending.size < kept.size { state.past.append(pending) }
      let mirrored = state.mirror?.size ?? 0
      state.past = state.past.filter { $0.size >= mirrored }
        .suffix(MirrorDatabase.maximumPastCount)
      state.pending = kept
      setState(state)
      return .accepted
    } catch {
      return failed(error)
    }
  }

  /// What a well-signed checkpoint contradicts (steps 6 and 7), or `nil`.
  private func contradiction(
    _ request: CheckpointRequest, pending: StoredCheckpoint?
  ) -> CheckpointContradiction? {
    let checkpoint = request.submitted.checkpoint
    if checkpoint.size == 0, checkpoint.root != Tree.empty { return .emptyWithRoot }
    if request.old == 0 { return nil }
    if request.old == checkpoint.size { return checkpoint.root == pending?.root ? nil : .otherRoot }
    let consistent = request.proof.verifies(
      consistencyFrom: request.old, oldRoot: pending?.root ?? Tree.empty, to: checkpoint.size,
      root: checkpoint.root)
    return consistent ? nil : .inconsistent
  }

  /// What is wrong with a proof where none belongs (step 7). It contradicts nothing: whoever has a signed note
  /// can send it so.
  private func needlessProof(_ request: CheckpointRequest) -> String? {
    guard request.proof.count > 0 else { return nil }
    if request.old == 0 { return "a proof from size 0" }
    return request.old == request.submitted.checkpoint.size ? "a proof between equal sizes" : nil
  }

  /// Keeps the note for the auditor and tells the operator.
  func keepRefused(
    _ submitted: SubmittedCheckpoint, old: UInt64, reason: CheckpointContradiction
  ) {
    var isKept = false
    do {
      isKept = try setting.database.keepRefused(
        note: submitted.note, old: old, reason: reason,
        time: setting.clock.now() ?? 0, of: log.origin)
    } catch {
      // The answer is 422 all the same: keeping the note is a courtesy to the auditor.
      setting.alarm(
        .refusedCheckpointNotKept(
          origin: log.origin, reason: AlarmReason(error, database: setting.database.path)))
    }
    setting.alarm(.checkpointRefused(origin: log.origin, reason: reason, isKept: isKept))
  }
}
