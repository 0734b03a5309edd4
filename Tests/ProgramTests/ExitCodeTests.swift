import HostHAL
import Testing

/// Exit codes everywhere: 0 good, 1 a finding, 2 usage or I/O.
@Suite struct ExitCodeTests {
  @Test(arguments: Program.built)
  func `help ends with 0 and goes to standard output`(program: Program) throws {
    let (exit, output, errors) = try program.run(["--help"])
    #expect(exit == .exited(code: 0))
    #expect(!output.isEmpty && errors.isEmpty)
  }

  @Test(arguments: Program.built)
  func `wrong usage ends with 2 and goes to standard error`(program: Program) throws {
    for arguments in [["--nonsense"], ["nonsense"], ["--lang"]] {
      let (exit, output, errors) = try program.run(arguments)
      #expect(exit == .exited(code: 2), "\(program.rawValue) \(arguments)")
      #expect(output.isEmpty && !errors.isEmpty)
    }
  }

  private static let commands: [(Program, [String])] = [
    (.tally, ["check", "/nonexistent"]), (.tally, ["status"]), (.tally, ["keys", "show"]),
    (.tally, ["keys", "create", "--site", "/nonexistent"]),
    (.tally, ["verify", "/nonexistent", "--vkey", "x"]), (.simulator, ["demo"]),
    (.simulator, ["site", "--board", "/b", "--site", "/s", "--dev", "/d"]),
    (.collector, ["status", "--data", "/nonexistent"]),
    (.collector, ["serve", "--data", "/nonexistent"]),
  ]

  @Test func `keys alone is wrong usage, and names its commands`() throws {
    for language in ["en", "zh"] {
      let (exit, output, errors) = try Program.tally.run(["keys", "--lang", language])
      #expect(exit == .exited(code: 2))
      #expect(output.isEmpty)
      #expect(errors.contains("tally keys show") && errors.contains("tally keys create"))
    }
  }

  @Test func `a key of the wrong type is told as that`() throws {
    let mirror = "collector.example/m1+6e25293f+BPvZ8d3n5Z98qP5pHEb21pnO6SwdwjNBRvT+pDpeTFQZ"
    for (language, word) in [("en", "its type is 4, a log's is 1"), ("zh", "类型为 4，日志应为 1")] {
      let (exit, _, errors) = try Program.tally.run([
        "verify", "/nonexistent", "--vkey", mirror, "--lang", language,
      ])
      #expect(exit == .exited(code: 2))
      #expect(errors.contains("--vkey") && errors.contains(word), "\(errors)")
    }
  }

  @Test func `a directory stands for the site in it, for every command`() throws {
    let place = try Place()
    let text = try Files.read(place.sampleSite)
    try Files.replace(place.path + "/site.yaml", with: text)
    let keys = try Program.tally.run([
      "keys", "create", "--data", place.path + "/data", "--site", place.path, "--share",
      place.share,
    ])
    #expect(keys.exit == .exited(code: 0), "\(keys.errors)")
    // Without the mirror's key it goes no further than to look for it.
    let agent = try Program.tallyd.run([
      "--site", place.path, "--data", place.path + "/data", "--share", place.share,
    ])
    #expect(agent.exit == .exited(code: 2))
    #expect(agent.errors.contains("\(place.path)/site.yaml:13:14: error: the mirror's key"))
  }

  @Test(arguments: [
    (lines: 17, devices: 1, told: ":6:1: error: 17 lines in one site"),
    (lines: 16, devices: 33, told: ":6:1: error: 528 devices in one site"),
  ])
  func `more than this version takes is told with its line`(
    lines: Int, devices: Int, told: String
  ) throws {
    let place = try Place()
    let site = try place.writeSite(lines: lines, devices: devices)
    let arguments = ["--share", place.path + "/own"]
    for run in [
      try Program.tally.run(["check", site] + arguments),
      try Program.tallyd.run(["--site", site, "--data", place.path + "/data"] + arguments),
    ] {
      #expect(run.exit == .exited(code: 1))
      // A check reports to the standard output, an agent complains.
      #expect((run.output + run.errors).contains(site + told), "\(run)")
    }
  }

  @Test(
    .enabled(if: Program.canBeIsolated, "namespaces are forbidden here"),
    arguments: [
      (
        #"mount -t tmpfs none /proc/sys/kernel/random && exec "$0" "$@""#,
        "boot_id does not exist. The boot entry has zeros in its place"
      ),
      (
        #"mount --bind /dev/null /proc/sys/kernel/random/boot_id && exec "$0" "$@""#,
        "boot_id holds no boot identifier. The boot entry has zeros in its place"
      ),
      // A program that nobody may read, run by somebody who is not root.
      (
        #"cp "$0" tallyd && chmod 111 tallyd && exec unshare --user --map-user=1 ./tallyd "$@""#,
        "with ls -l. The boot entry has zeros in place of this program's hash"
      ),
    ])
  func `zeros in a boot entry are told`(script: String, told: String) throws {
    let place = try Place()
    try Files.makeDirectory(place.path + "/data/keys")
    try Files.replace(place.path + "/data/keys/mirror.vkey", with: Array(Place.mirrorKey.utf8))
    // In the place of the control socket, so that it ends when it has begun its log.
    try Files.makeDirectory(place.path + "/data/control")
    let (exit, output, errors) = try Program.tallyd.run(
      ["--site", place.sampleSite, "--data", place.path + "/data", "--share", place.share],
      isolatedBy: script, in: place.path)
    #expect(exit == .exited(code: 2) && errors.contains("/data/control"), "\(errors)")
    #expect(output.contains(told), "\(output)")
  }

  @Test func `a language that is not known is wrong usage, and the known ones are named`() throws {
    for (program, arguments) in Self.commands where Program.built.contains(program) {
      for language in ["fr", "", "english", "ZH"] {
        let (exit, _, errors) = try program.run(arguments + ["--lang", language])
        #expect(exit == .exited(code: 2), "\(program.rawValue) \(arguments)")
        #expect(errors.contains("en") && errors.contains("zh") && errors.contains("--lang"))
      }
    }
  }

  @Test(arguments: [("en", "there is no file"), ("zh", "找不到文件")])
  func `both languages are taken`(language: String, text: String) throws {
    let place = try Place()
    let (exit, output, _) = try Program.tally.run(
      ["check", "/nonexistent.yaml", "--share", place.share, "--lang", language])
    #expect(exit == .exited(code: 2))
    #expect(output.contains(text))
  }

  // MARK: tally check

  @Test func `a good site ends with 0`() throws {
    let place = try Place()
    let (exit, output, _) = try Program.tally.run(
      ["check", place.sampleSite, "--share", place.share])
    #expect(exit == .exited(code: 0), "\(output)")
  }

  @Test func `a wrong site ends with 1, and the finding names file and line`() throws {
    let place = try Place()
    let text = String(decoding: try Files.read(place.sampleSite), as: UTF8.self)
    let wrong = place.path + "/site.yaml"
    try Files.replace(wrong, with: Array(text.replacing("baud: 9600", with: "baud: 9601").utf8))
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let line = try #require(lines.firstIndex { $0.contains("baud: 9600") }) + 1
    let (exit, output, _) = try Program.tally.run(["check", wrong, "--share", place.share])
    #expect(exit == .exited(code: 1))
    #expect(output.contains("\(wrong):\(line):"), "\(output)")
    // A directory stands for the site.yaml in it.
    let folder = try Program.tally.run(["check", place.path, "--share", place.share])
    #expect(folder.exit == .exited(code: 1))
  }

  @Test func `a profile and a board are checked by themselves`() throws {
    let place = try Place()
    let profile = place.share + "/profiles/hefeng-cems.yaml"
    for file in [profile, place.share + "/boards/native/sim/board.yaml"] {
      // No share is asked for.
      let (exit, output, _) = try Program.tally.run(["check", file, "--share", "/nonexistent"])
      #expect(exit == .exited(code: 0), "\(output)")
    }
    let wrong = place.path + "/wrong.yaml"
    let text = String(decoding: try Files.read(profile), as: UTF8.self)
    try Files.replace(wrong, with: Array(text.replacing("count: 20", with: "count: 200").utf8))
    let (exit, output, _) = try Program.tally.run(["check", wrong])
    #expect(exit == .exited(code: 1))
    #expect(output.contains("'count' is 200") && output.contains("errors: 1,"), "\(output)")
  }

  @Test func `a site or a share that is not there ends with 2`() throws {
    let place = try Place()
    let missing = try Program.tally.run(
      ["check", place.path + "/none.yaml", "--share", place.share])
    #expect(missing.exit == .exited(code: 2))
    let noShare = try Program.tally.run(["check", place.sampleSite, "--share", "/nonexistent"])
    #expect(noShare.exit == .exited(code: 2))
  }

  @Test func `a key for a site ends with 1 where the site is wrong and 2 where it is missing`()
    throws
  {
    let place = try Place()
    let wrong = place.path + "/site.yaml"
    try Files.replace(wrong, with: Array("tallystick: 1\n".utf8))
    for (site, code) in [(wrong, Int32(1)), (place.path + "/none", 2)] {
      let (exit, _, errors) = try Program.tally.run([
        "keys", "create", "--data", place.path, "--site", site, "--share", place.share,
      ])
      #expect(exit == .exited(code: code), "\(errors)")
    }
  }

  // MARK: the simulator and the run

  @Test func `a substation ends with 1 where its files are wrong and 2 where they are missing`()
    throws
  {
    let place = try Place()
    let wrong = place.path + "/site.yaml"
    try Files.replace(wrong, with: Array("tallystick: 1\n".utf8))
    for (site, code) in [(wrong, Int32(1)), (place.path + "/none", 2)] {
      let (exit, _, errors) = try Program.simulator.run([
        "site", "--board", place.path, "--site", site, "--dev", place.path, "--share", place.share,
      ])
      #expect(exit == .exited(code: code), "\(errors)")
    }
  }

  @Test(arguments: [
    ["--for", "0"], ["--speed", "0"], ["--speed", "100001"], ["--port", "65536"],
    ["--port", "x"], ["--share", "/nonexistent"], ["--directory", "/proc/none"],
  ])
  func `a run refuses what it cannot do, and says what is taken`(arguments: [String]) throws {
    let place = try Place()
    var all = ["demo"] + arguments
    if arguments[0] != "--share" { all += ["--share", place.share] }
    if arguments[0] != "--directory" { all += ["--directory", place.path + "/run"] }
    let (exit, _, errors) = try Program.simulator.run(all)
    #expect(exit == .exited(code: 2))
    #expect(errors.contains(arguments[1]) || errors.contains(arguments[0]), "\(errors)")
  }
}
