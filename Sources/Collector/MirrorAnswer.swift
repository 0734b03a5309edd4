import TransparencyLog

/// An answer of the mirror protocol, before HTTP sees it.
public struct MirrorAnswer: Equatable, Sendable {
  /// HTTP status code.
  public var status: Int
  /// Media type of the body; `nil` where the protocol prescribes none.
  public var contentType: String?
  /// The body.
  public var body: [UInt8]

  /// Takes its parts.
  public init(_ status: Int, contentType: String? = nil, body: [UInt8] = []) {
    self.status = status
    self.contentType = contentType
    self.body = body
  }

  /// A refusal with a sentence for whoever reads the traffic; programs look at the status only.
  static func refused(_ status: Int, _ sentence: String) -> MirrorAnswer {
    MirrorAnswer(
      status, contentType: "text/plain; charset=utf-8", body: Array((sentence + "\n").utf8))
  }

  /// 404: no such log, and none that it could be a further epoch of.
  static let notEnrolled = refused(404, "the log is not enrolled here")

  /// 403: the log, or the epoch before it, has another key.
  static let wrongKey = refused(403, "no valid signature of the enrolled key")

  /// 422 of `add-entries`: the log may come here, but has shown nothing yet. A client that was not here before
  /// asks so first, and offers its checkpoint then.
  static let noCheckpoint = refused(422, "no checkpoint was added yet")

  /// 200 without a body: the checkpoint is kept.
  static let accepted = MirrorAnswer(200)

  /// 409 of `add-checkpoint`: the size that the proof should begin at.
  static func otherOldSize(_ pending: UInt64) -> MirrorAnswer {
    MirrorAnswer(409, contentType: "text/x.tlog.size", body: Array("\(pending)\n".utf8))
  }

  /// 202 or 409 of `add-entries`: where to go on.
  static func progress(
    _ status: Int, end: UInt64, next: UInt64, ticket: [UInt8]
  ) -> MirrorAnswer {
    MirrorAnswer(
      status, contentType: "text/x.tlog.mirror-info",
      body: Array("\(end)\n\(next)\n\(Base64.text(ticket.span))\n".utf8))
  }

  /// 200 of `add-entries`: everything below the end is stored, and this is the acknowledgement.
  static func cosigned(_ line: [UInt8]) -> MirrorAnswer {
    MirrorAnswer(200, contentType: "text/plain; charset=utf-8", body: line)
  }
}
