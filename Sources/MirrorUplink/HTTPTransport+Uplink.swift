import Uplink

extension HTTPTransport {
  /// Performs what the mirror client asks for and returns what came back; blocks for at most the
  /// configured total time. Without a whole answer the status is 0 and `lastFailure` says why, in the answer too. A body
  /// longer than the limit is cut there: the status still counts.
  public mutating func perform(_ request: UplinkRequest) -> UplinkResponse {
    do throws(HTTPFailure) {
      let answer = try post(
        "\(request.path.text)", contentType: "\(request.path.contentType)", body: request.body,
        bearerToken: request.bearerToken)
      lastFailure = nil
      return UplinkResponse(
        status: answer.status, contentType: answer.contentType, body: answer.body)
    } catch {
      lastFailure = error
      return .failed(error.linkFailure)
    }
  }
}
