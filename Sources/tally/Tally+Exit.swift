import ArgumentParser

#if canImport(Glibc)
  import Glibc
#endif

extension Tally {
  /// ArgumentParser ends with 64 on wrong usage; everything of Tallystick ends with 2 then.
  static func main() {
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch {
      let code = exitCode(for: error)
      let message = fullMessage(for: error)
      if code == .success {
        print(message)
        Glibc.exit(0)
      }
      if !message.isEmpty {
        let text = Array((message + "\n").utf8)
        _ = write(STDERR_FILENO, text, text.count)
      }
      Glibc.exit(code.rawValue == 1 ? 1 : 2)
    }
  }
}
