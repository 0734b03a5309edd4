import HTTPTypes
import HummingbirdCore
import NIOCore
import NIOHTTPTypes

/// How long the collector waits for clients, and how large a head it takes.
public struct RequestLimits: Equatable, Sendable {
  /// From the end of one request, or from the connection, to the head of the next one; gateways speak at
  /// least each minute.
  public var idle: Duration
  /// From the head of a request to its last byte. A checkpoint has 2 KB and a post of live values some 60,
  /// which takes 8 s at 64 kbit/s.
  public var body: Duration
  /// The same for `add-entries`: longer than the mirror works on one upload (`Collector.uploadTimeLimit`),
  /// which ends it by itself with an answer.
  public var upload: Duration
  /// Bytes of one header field, and of all of them; those of a gateway have 200.
  public static let headerByteCountMax = 8_192
  /// Header fields of one request.
  public static let headerCountMax = 64

  /// 120 s, 60 s, 330 s.
  public init(
    idle: Duration = .seconds(120), body: Duration = .seconds(60), upload: Duration = .seconds(330)
  ) {
    self.idle = idle
    self.body = body
    self.upload = upload
  }
}

/// Ends a request whose body does not come: with 408 if nothing was answered yet, then the connection.
///
/// Without it a client that sends a byte a second would hold a connection, and up to 1 MiB of memory, for
/// hours; bytes that move are enough for Hummingbird's own idle timeout.
final class RequestPatience: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPRequestPart
  typealias InboundOut = HTTPRequestPart
  typealias OutboundIn = HTTPResponsePart
  typealias OutboundOut = HTTPResponsePart

  private let limits: RequestLimits
  private var end: Scheduled<Void>?
  private var isAnswered = false

  init(_ limits: RequestLimits) { self.limits = limits }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let request):
      isAnswered = false
      let isUpload = request.path?.hasPrefix("/add-entries") == true
      wait(for: isUpload ? limits.upload : limits.body, context)
    case .body: break
    case .end: stopWaiting()
    }
    context.fireChannelRead(data)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    if case .head = unwrapOutboundIn(data) { isAnswered = true }
    context.write(data, promise: promise)
  }

  func channelInactive(context: ChannelHandlerContext) {
    stopWaiting()
    context.fireChannelInactive()
  }

  func handlerRemoved(context: ChannelHandlerContext) { stopWaiting() }

  private func wait(for limit: Duration, _ context: ChannelHandlerContext) {
    stopWaiting()
    end = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(limit)) {
      self.end = nil
      self.refuse(context)
    }
  }

  private func stopWaiting() {
    end?.cancel()
    end = nil
  }

  private func refuse(_ context: ChannelHandlerContext) {
    if !isAnswered {
      let sentence = ByteBuffer(string: "the body did not come in time\n")
      let head = HTTPResponse(
        status: .requestTimeout,
        headerFields: [
          .contentType: "text/plain; charset=utf-8", .connection: "close",
          .contentLength: "\(sentence.readableBytes)",
        ])
      context.write(wrapOutboundOut(.head(head)), promise: nil)
      context.write(wrapOutboundOut(.body(sentence)), promise: nil)
      context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }
    context.close(promise: nil)
  }
}

@available(*, unavailable)
extension RequestPatience: Sendable {}
