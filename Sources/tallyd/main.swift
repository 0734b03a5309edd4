// tallyd, the gateway agent: `tallyd --site FILE --data DIR [--share DIR]`.
import Catalog
import Glibc
import HostHAL

let language = Language(environment: ProcessEnvironment.value(of: "LANG"))

let messages = Messages(language: language)

/// One line on standard output, the service's log; held if there were many like it.
func say(_ text: Text) { messages.say(text) }

/// Says why on standard error and ends with exit code 2: usage or I/O; 1: findings in the configuration.
func end(_ text: String, code: Int32) -> Never {
  writeStandardError(text + "\n")
  leave(code: code)
}

/// Ends the process without the exit handlers of C libraries.
///
/// The transport threads are never joined. OpenSSL's handlers free what a transfer that is under way, or
/// just beginning, works on: a crash after all was done. Nothing here is buffered, so nothing is lost.
func leave(code: Int32) -> Never { _exit(code) }

ProcessEnvironment.boundHeap()

let arguments: Arguments
do {
  arguments = try Arguments.parse(CommandLine.arguments)
} catch {
  guard let problem = error.text else {
    say(.usage)
    exit(0)
  }
  end(problem.text(language) + "\n" + Text.usage.text(language), code: 2)
}

do {
  switch try Start(arguments: arguments, language: language).run() {
  case .told: break
  case .epochOver:
    end(Text.noRestart(errno: ProcessEnvironment.startAnew()).text(language), code: 2)
  }
} catch {
  end(error.message, code: error.code)
}
leave(code: 0)
