import CLinux
import HostHAL
import MirrorUplink
import Testing
import Uplink

private let openssl = "/usr/bin/openssl"

/// `openssl s_server` with a certificate for 127.0.0.1 that it signed itself.
private final class TLSServer {
  let directory: String
  let server: ChildProcess
  let port: String

  init() throws {
    directory = "/tmp/tallystick-tls-\(clinux_pid())-\(clinux_boot_us())"
    try Files.makeDirectory(directory)
    let made = try ChildProcess(
      running: openssl,
      arguments: [
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=test", "-days", "2",
        "-addext", "subjectAltName=IP:127.0.0.1",
      ], directory: directory, errors: .file(path: "/dev/null"))
    try #require(made.wait(until: clinux_boot_us() + 30_000_000)?.isSuccess == true)
    server = try ChildProcess(
      running: openssl,
      arguments: [
        "s_server", "-accept", "127.0.0.1:0", "-www", "-cert", "cert.pem", "-key", "key.pem",
      ], directory: directory, errors: .file(path: "/dev/null"), ownGroup: true)
    port = TLSServer.port(of: server)
  }

  deinit {
    server.signal(.kill)
    _ = server.wait(until: clinux_boot_us() + 10_000_000)
    try? Files.removeTree(directory)
  }

  /// From the line "ACCEPT 127.0.0.1:40123" that it prints when it listens.
  private static func port(of server: ChildProcess) -> String {
    var bytes: [UInt8] = []
    while let descriptor = server.outputDescriptor {
      var entry = clinux_pollfd(fd: descriptor, events: Int16(CLINUX_POLL_IN), revents: 0)
      guard clinux_poll(&entry, 1, 20_000_000) > 0 else { return "" }
      _ = server.readOutput(into: &bytes)
      // Only whole lines: the last may still be growing.
      let lines = String(decoding: bytes, as: UTF8.self).split(
        separator: "\n", omittingEmptySubsequences: false
      ).dropLast()
      if let line = lines.first(where: { $0.hasPrefix("ACCEPT ") }) {
        return line.split(separator: ":").last.map(String.init) ?? ""
      }
    }
    return ""
  }
}

private func status(_ url: String, authority: String?) throws(HTTPFailure) -> Int {
  var configuration = HTTPTransportConfiguration(url: url, authorityFile: authority)
  configuration.totalTimeoutMilliseconds = 20_000
  var transport = try HTTPTransport(configuration)
  return try transport.get("/").status
}

@Suite(.enabled("openssl is not installed") { Files.exists("/usr/bin/openssl") })
struct TLSTests {
  @Test func `a server is trusted by the configured CA, for its own name, and else never`() throws {
    let server = try TLSServer()
    let authority = "\(server.directory)/cert.pem"
    #expect(try status("https://127.0.0.1:\(server.port)", authority: authority) == 200)
    #expect(throws: HTTPFailure.link(.certificateUnknown)) {
      try status("https://127.0.0.1:\(server.port)", authority: nil)
    }
    #expect(throws: HTTPFailure.link(.certificateOtherName)) {
      try status("https://localhost:\(server.port)", authority: authority)
    }
    #expect(throws: HTTPFailure.link(.badAuthorityFile)) {
      try status("https://127.0.0.1:\(server.port)", authority: "/nowhere/ca.pem")
    }
  }
}
