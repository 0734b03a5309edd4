import HostHAL
import Testing

/// What makes no sense is refused before anything is done, with what was found, what is expected and what to do.
@Suite struct UsageTests {
  @Test func `a run that would do nothing, or not what was meant, is wrong usage`() throws {
    let place = try Place()
    let file = place.path + "/file"
    try Files.replace(file, with: [1])
    let cases: [(arguments: [String], english: String, chinese: String)] = [
      (["--count", "0"], "--count 0: expected 1 …", "--count 0：应为 1 …"),
      (["--around", "5"], "--around 5: expected only beside --replay", "只能与 --replay 种子 合用"),
      (
        ["--replay", "1", "--seed", "2"], "expected no --seed and no --count beside it",
        "不能与 --seed 或 --count 合用"
      ),
      (["--quota", "15"], "--quota 15: expected 16 … 65536", "--quota 15：应为 16 … 65536"),
      (["--out", file], "--out \(file): found a file, expected a directory", "实为文件，应为目录"),
      (
        ["--out", "/proc/nothing"], "--out /proc/nothing: the directory cannot be made: ", "无法创建目录："
      ),
      (["--out", place.path, "--count", "2"], "expected one seed, found --count 2", "应为一个种子"),
    ]
    for (arguments, english, chinese) in cases {
      for (language, told) in [("en", english), ("zh", chinese)] {
        let (exit, output, errors) = try Program.simulator.run(
          ["run", "--share", place.share, "--lang", language] + arguments)
        #expect(exit == .exited(code: 2) && output.isEmpty, "\(arguments)")
        #expect(errors.contains(told), "\(errors)")
      }
    }
  }

  @Test(.enabled(if: Program.built.contains(.collector)))
  func `a place of an acknowledgement that is not there is told before anything is imported`()
    throws
  {
    let place = try Place()
    let data = place.path + "/collector"
    let made = try Program.collector.run(["init", "--data", data, "--name", "collector.example/m1"])
    #expect(made.exit == .exited(code: 0))
    for (language, told) in [
      ("en", "--ack /nonexist/x: there is no directory /nonexist. Expected:"),
      ("zh", "--ack /nonexist/x：目录 /nonexist 不存在。应为："),
    ] {
      let (exit, output, errors) = try Program.collector.run([
        "import", place.path, "--ack", "/nonexist/x", "--data", data, "--lang", language,
      ])
      #expect(exit == .exited(code: 2) && output.isEmpty)
      #expect(errors.contains(told), "\(errors)")
    }
  }

  @Test(.enabled(if: Program.built.contains(.collector)))
  func `an address of another machine is told in a sentence`() throws {
    let place = try Place()
    let data = place.path + "/collector"
    _ = try Program.collector.run(["init", "--data", data, "--name", "collector.example/m1"])
    for (address, told) in [
      ("1.2.3.4:8470", "cannot listen on 1.2.3.4:8470: this machine has no such address."),
      (
        "no-such-host.invalid:80",
        "cannot listen on no-such-host.invalid: no address has this name."
      ),
    ] {
      let (exit, _, errors) = try Program.collector.run([
        "serve", "--listen", address, "--data", data, "--lang", "en",
      ])
      #expect(exit == .exited(code: 2))
      #expect(errors.contains(told), "\(errors)")
    }
  }
}
