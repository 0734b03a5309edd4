import CLinux
import HostHAL
import Testing

private func shell(
  _ script: String, environment: [(name: String, value: String)] = [], directory: String? = nil,
  ownGroup: Bool = false
) throws(SpawnError) -> ChildProcess {
  try ChildProcess(
    running: "/bin/sh", arguments: ["-c", script], environment: environment, directory: directory,
    ownGroup: ownGroup)
}

/// All that it writes to standard output, until it closes it.
private func output(of child: ChildProcess) -> String {
  var bytes: [UInt8] = []
  while let descriptor = child.outputDescriptor, ready(descriptor).isAny {
    _ = child.readOutput(into: &bytes)
  }
  return String(decoding: bytes, as: UTF8.self)
}

@Suite struct ChildProcessTests {
  @Test func `outputs come through their pipes and the exit code is told`() throws {
    let child = try shell("echo out; echo err >&2; exit 3")
    #expect(output(of: child) == "out\n")
    var errors: [UInt8] = []
    while let descriptor = child.errorDescriptor, ready(descriptor).isAny {
      _ = child.readErrors(into: &errors)
    }
    #expect(errors == Array("err\n".utf8))
    #expect(child.wait(until: soon()) == .exited(code: 3))
    #expect(child.poll() == .exited(code: 3))
    #expect(!child.readOutput(into: &errors))
  }

  @Test func `a program that is not there is an error of the start`() {
    #expect(throws: SpawnError(executable: "/nowhere", errno: clinux_error_not_found())) {
      _ = try ChildProcess(running: "/nowhere")
    }
    #expect(throws: SpawnError.self) {
      _ = try ChildProcess(running: "/bin/true", directory: "/nowhere")
    }
  }

  @Test func `environment and directory are as asked, and no descriptor leaks`() throws {
    let scratch = try Scratch()
    let line = try PseudoTerminal()
    let child = try shell(
      "echo \"$A $HOME\"; pwd -P; ls /proc/self/fd | tr '\\n' ' '",
      environment: [("A", "b c"), ("HOME", "/h")], directory: scratch.path)
    let text = output(of: child)
    // ls itself has the fourth open, on the directory that it lists.
    #expect(text == "b c /h\n\(try Files.resolve(scratch.path))\n0 1 2 3 ")
    #expect(child.wait(until: soon())?.isSuccess == true)
    expect(line.descriptor > 2)
  }

  @Test func `a signal to its group ends the grandchildren too`() throws {
    let child = try shell("sleep 1000 & echo $!; wait", ownGroup: true)
    var bytes: [UInt8] = []
    while bytes.last != 0x0A, let descriptor = child.outputDescriptor, ready(descriptor).isAny {
      _ = child.readOutput(into: &bytes)
    }
    #expect(child.poll() == nil)
    child.signal(.kill, group: true)
    #expect(child.wait(until: soon()) == .killed(signal: 9))
    // The pipe ends only when the grandchild, which holds it too, is gone.
    #expect(output(of: child) == "")
    #expect(child.outputDescriptor == nil)
  }

  @Test func `a child dies with the thread that started it`() throws {
    var child: ChildProcess?
    let started = try WakeHandle()
    let box = Box()
    let thread = try PosixThread(name: "parent") {
      box.child = try? ChildProcess(
        running: "/bin/sleep", arguments: ["1000"], diesWithParent: true)
      started.wake()
    }
    #expect(started.wait(microseconds: 20_000_000))
    thread.join()
    child = box.child
    #expect(child?.wait(until: soon()) == .killed(signal: 9))
  }

  @Test func `output to a file is appended`() throws {
    let scratch = try Scratch()
    for _ in 0..<2 {
      let child = try ChildProcess(
        running: "/bin/echo", arguments: ["x"], output: .file(path: scratch("log")))
      #expect(child.wait(until: soon())?.isSuccess == true)
    }
    #expect(try Files.read(scratch("log")) == Array("x\nx\n".utf8))
  }
}

private final class Box: @unchecked Sendable {
  var child: ChildProcess?
}

@Suite struct PosixThreadTests {
  @Test func `a thread runs on the stack that it was given and is joined`() throws {
    let box = Counter()
    let thread = try PosixThread(name: "a name longer than fifteen", stackByteCount: 2 << 20) {
      // Deeper than the 256 KiB that a thread has unless told otherwise.
      withUnsafeTemporaryAllocation(byteCount: 1 << 20, alignment: 8) { room in
        room[0] = 1
        room[room.count - 1] = 1
        box.value = Int(room[0]) + Int(room[room.count - 1])
      }
    }
    thread.join()
    #expect(box.value == 2)
  }
}

private final class Counter: @unchecked Sendable {
  var value = 0
}
