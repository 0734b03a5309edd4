import Hummingbird
import ServiceLifecycle
import TransparencyLog

/// Receives the body of one `add-entries` request and carries it through the mirror.
struct UploadReception {
  let collector: Collector
  let encoding: ContentEncoding

  /// Reads, stores and answers; after the time limit it answers with what was stored.
  ///
  /// The limit ends the reading, never a write: a client that dribbles would otherwise hold a
  /// connection and a package of memory for ever. So does SIGTERM, and the client goes on later.
  func answer(_ body: RequestBody) async -> MirrorAnswer {
    await withTaskGroup(of: MirrorAnswer?.self) { group in
      group.addTask { await cancelWhenGracefulShutdown { await receive(body) } }
      group.addTask {
        try? await Task.sleep(for: collector.uploadTimeLimit)
        return nil
      }
      var answer: MirrorAnswer?
      while answer == nil, let outcome = await group.next() {
        group.cancelAll()
        answer = outcome
      }
      return answer ?? .refused(500, "the upload ended without an answer")
    }
  }

  private func receive(_ body: RequestBody) async -> MirrorAnswer {
    var reader = UploadReader(encoding)
    var pieces = body.makeAsyncIterator()
    var header: UploadHeader?
    do {
      header = try reader.header()
      while header == nil, let piece = try await pieces.next() {
        reader.feed(piece.readableBytesView)
        header = try reader.header()
      }
    } catch {
      header = nil
    }
    guard let header, header.start <= header.end, header.end <= UInt64(Int64.max) else {
      return .refused(400, "the head of the upload cannot be read")
    }
    do {
      guard let mirror = try collector.mirror(origin: header.origin) else {
        return try collector.mayBegin(origin: header.origin) ? .noCheckpoint : .notEnrolled
      }
      return await receivePackages(header, of: mirror, from: &reader, and: &pieces)
    } catch {
      collector.setting.alarm(
        .stateUnreadable(reason: AlarmReason(error, database: collector.setting.database.path)))
      return .refused(500, "the collector cannot read its state")
    }
  }

  private func receivePackages(
    _ header: UploadHeader, of mirror: MirrorLog, from reader: inout UploadReader,
    and pieces: inout RequestBody.AsyncIterator
  ) async -> MirrorAnswer {
    var upload: Upload
    switch await mirror.begin(header) {
    case .goOn(let begun): upload = begun
    case .answer(let answer): return answer
    }
    while upload.authenticated < upload.packageCount {
      let package: UploadPackage?
      do {
        package = try await next(upload.nextRange.count, from: &reader, and: &pieces)
      } catch is TooManyHashes {
        return .refused(400, "a proof has more than 63 hashes")
      } catch {
        // A cut connection, a damaged gzip stream or the time limit: the body ended here.
        package = nil
      }
      guard let package else {
        return upload.authenticated > 0
          ? await mirror.pause(upload)
          : .refused(400, "the body ends before its first package does")
      }
      switch await mirror.add(package, to: upload) {
      case .goOn(let further): upload = further
      case .answer(let answer): return answer
      }
    }
    let answer = await mirror.finish(upload)
    if answer.status == 200 { collector.onGrowth(mirror.log.origin) }
    return answer
  }

  private func next(
    _ entryCount: Int, from reader: inout UploadReader, and pieces: inout RequestBody.AsyncIterator
  ) async throws -> UploadPackage? {
    while true {
      if let package = try reader.package(entryCount: entryCount) { return package }
      guard let piece = try await pieces.next() else { return nil }
      reader.feed(piece.readableBytesView)
    }
  }
}
