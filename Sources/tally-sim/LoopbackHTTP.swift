import CLinux
import HostHAL

/// One HTTP GET from 127.0.0.1, enough to ask the collector of a run whether it has readings.
enum LoopbackHTTP {
  /// Status code and body; `nil` when nobody answers within five seconds.
  static func get(port: UInt16, path: String, token: String) -> (status: Int, body: String)? {
    let opened = clinux_loopback_connect(port)
    guard opened >= 0 else { return nil }
    let socket = Descriptor(owning: opened)
    let deadline = clinux_boot_us() + 5_000_000
    let request =
      "GET \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nAuthorization: Bearer \(token)\r\n"
      + "Accept: application/json\r\nConnection: close\r\n\r\n"
    let bytes = Array(request.utf8)
    // A request of some hundred bytes always fits the socket's buffer.
    let sent = bytes.withUnsafeBufferPointer {
      clinux_send(socket.number, $0.baseAddress, $0.count)
    }
    guard sent == bytes.count else { return nil }
    return answer(receive(socket.number, deadline))
  }

  /// The port takes connections.
  static func isListening(port: UInt16) -> Bool {
    let opened = clinux_loopback_connect(port)
    guard opened >= 0 else { return false }
    _ = clinux_close(opened)
    return true
  }

  private static func receive(_ socket: Int32, _ deadline: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    var room = [UInt8](repeating: 0, count: 16384)
    while bytes.count < 16 << 20 {
      let count = room.withUnsafeMutableBufferPointer {
        clinux_read(socket, $0.baseAddress, $0.count)
      }
      if count == -Int(clinux_error_again()) {
        let now = clinux_boot_us()
        guard now < deadline else { break }
        var entry = clinux_pollfd(fd: socket, events: Int16(CLINUX_POLL_IN), revents: 0)
        _ = clinux_poll(&entry, 1, Int64(deadline - now))
        continue
      }
      guard count > 0 else { break }
      bytes.append(contentsOf: room[..<count])
    }
    return bytes
  }

  /// Splits `HTTP/1.1 200 OK … CRLF CRLF body`; a chunked body keeps its chunk sizes, which is good
  /// enough for looking into it.
  static func answer(_ bytes: [UInt8]) -> (status: Int, body: String)? {
    let text = String(decoding: bytes, as: UTF8.self)
    let first = text.split(separator: " ", maxSplits: 2)
    guard first.count == 3, first[0].hasPrefix("HTTP/1."), let status = Int(first[1]) else {
      return nil
    }
    let end: [UInt8] = [13, 10, 13, 10]
    var at = 0
    while at + 4 <= bytes.count, Array(bytes[at..<at + 4]) != end { at += 1 }
    return (status, String(decoding: bytes.dropFirst(at + 4), as: UTF8.self))
  }
}
