import HAL
import HostCrypto
import Metering
import Testing
import TransparencyLog

@testable import Uplink

@Suite struct PackageClientTests {
  private func ranges(_ courier: Courier) -> [String] {
    courier.files.map { String($0.name.dropFirst(29).dropLast(8)) }
  }

  @Test func `what is signed goes into a package when time is up, and once`() throws {
    var courier = Courier(entries: 300)
    try courier.run(10_000_000)
    #expect(
      courier.files.map(\.name) == [
        "mrv.example~gw~7f3a01c2~0001~000000000000-000000000300.package"
      ])
    #expect(courier.kept == [300] && courier.client.writtenSize == 300)
    courier.grow(255)
    try courier.run(3_500_000_000)
    #expect(courier.files.count == 1, "the hour is not over")
    try courier.run(100_000_000)
    // It begins with the block that the last one ended in.
    #expect(
      ranges(courier) == ["000000000000-000000000300", "000000000256-000000000555"])
    try courier.run(3 * Courier.hour)
    #expect(courier.files.count == 2, "nothing new is signed")
  }

  @Test func `after a restart nothing is written again, whoever took the files away`() throws {
    var courier = Courier(entries: 300)
    try courier.run(1_000_000)
    courier.client = Courier.client(written: courier.client.writtenSize, acknowledged: 0)
    courier.grow(0)
    try courier.run(3 * Courier.hour)
    #expect(courier.files.count == 1)
    courier.grow(1)
    try courier.run(1_000_000 + PackageClient.lookPeriod)
    #expect(ranges(courier).last == "000000000256-000000000301", "and the first new one at once")
  }

  @Test func `much is cut into files of bounded size under one checkpoint`() throws {
    var courier = Courier()
    courier.grow(2_000, padding: 980)
    let signed = courier.log.size
    var sizes: Set<UInt64> = []
    while try courier.step(), courier.files.last.map({ !$0.name.contains("-000000002000") }) ?? true
    {
      courier.grow(1)
    }
    #expect(ranges(courier) == ["000000000000-000000001280", "000000001280-000000002000"])
    for file in courier.files {
      #expect(file.bytes.count <= PackageFile.fileByteLimit)
      let package = try PackageFile(reading: file.bytes)
      let note = try Note.parse(package.note.span)
      sizes.insert(
        try Checkpoint.parse(text: package.note.span.extracting(note.text)).size)
    }
    #expect(sizes == [signed], "what is signed meanwhile waits for the next time")
    #expect(courier.kept == [1_280, 2_000])
  }

  @Test func `a directory that takes nothing is tried again within seconds, and loses nothing`()
    throws
  {
    var courier = Courier(entries: 300)
    #expect(try courier.step(PackageAnswer(failure: .directoryFull)))
    #expect(courier.events == [.linkDown] && courier.client.failure == .directoryFull)
    #expect(courier.client.writtenSize == 0)
    var last = courier.now
    var waits: [UInt64] = []
    for _ in 0..<8 {
      courier.now = try #require(courier.client.wakeAt)
      waits.append(courier.now - last)
      last = courier.now
      #expect(try courier.step(PackageAnswer(failure: .directoryMissing)))
    }
    #expect(courier.events == [.linkDown], "it is told once")
    #expect(
      waits.allSatisfy { $0 >= 500_000 && $0 <= PackageClient.lookPeriod } && waits[7] != waits[0])
    #expect(courier.log.entriesRead == 300, "what waits is not read again for each attempt")
    courier.now = try #require(courier.client.wakeAt)
    #expect(try courier.step())
    #expect(courier.events == [.linkDown, .linkUp] && courier.client.failure == nil)
    #expect(ranges(courier) == ["000000000000-000000000300"])
  }

  @Test func `what was signed while no stick was there comes right behind what waited`() throws {
    var courier = Courier(entries: 300)
    #expect(try courier.step(PackageAnswer(failure: .directoryMissing)))
    courier.grow(300)
    courier.now += 72 * Courier.hour
    try courier.run(2 * PackageClient.lookPeriod)
    #expect(
      ranges(courier) == ["000000000000-000000000300", "000000000256-000000000600"])
    courier.grow(1)
    try courier.run(Courier.hour / 2)
    #expect(courier.files.count == 2, "from then on as the site declares")
    try courier.run(Courier.hour)
    #expect(courier.files.count == 3)
  }

  @Test func `what is signed behind what waited goes out when the stick is back`() throws {
    var courier = Courier(entries: 300)
    try courier.run(Courier.hour)
    courier.grow(300)
    courier.now += Courier.hour
    #expect(try courier.step(PackageAnswer(failure: .directoryMissing)))
    courier.grow(300)
    try courier.run(2 * PackageClient.lookPeriod)
    #expect(courier.files.count == 3, "the one that waited, and the one behind it")
  }

  @Test func `entries that are not those that were signed stay here`() throws {
    var courier = Courier(entries: 300)
    courier.log.damaged = [17]
    #expect(throws: HashSourceError.damaged) { try courier.step() }
    // It is tried again half a minute later. The directory is looked into meanwhile.
    for _ in 0..<6 {
      courier.now = try #require(courier.client.wakeAt)
      #expect(try courier.step(PackageAnswer(again: Array("9999".utf8))))
      #expect(courier.files.isEmpty)
    }
    #expect(courier.heard > 2 && courier.now < 31_000_000)
    courier.now = 31_000_000
    #expect(throws: HashSourceError.damaged) { try courier.step() }
    courier.log.damaged = []
    // What is tried again is the newest: a checkpoint that has not left yet is not to leave behind one that is newer.
    courier.grow(1)
    courier.now += 30_000_000
    #expect(try courier.step())
    #expect(ranges(courier) == ["000000000000-000000000301"])
  }

  @Test func `what is pruned is not asked for`() throws {
    var courier = Courier(entries: 700)
    courier.minimumIndex = 300
    courier.log.firstKept = 300
    try courier.run(1_000_000)
    #expect(ranges(courier) == ["000000000512-000000000700"])
    courier = Courier(entries: 500)
    courier.minimumIndex = 300
    try courier.run(1_000_000)
    #expect(courier.files.isEmpty && courier.client.writtenSize == 500)
  }

  @Test(arguments: [
    ("256\n", "000000000256-000000000555"), ("300", "000000000256-000000000555"),
    ("", "000000000000-000000000555"), ("everything", "000000000000-000000000555"),
  ])
  func `who asks gets packages again`(asked: String, range: String) throws {
    var courier = Courier(entries: 555)
    try courier.run(1_000_000)
    courier.now = try #require(courier.client.wakeAt)
    #expect(try courier.step(PackageAnswer(again: Array(asked.utf8))))
    #expect(try courier.step())
    #expect(ranges(courier) == ["000000000000-000000000555", range])
    #expect(courier.heard == 1 && courier.client.writtenSize == 555)
  }

  @Test func `what is asked for beyond what was written changes nothing`() throws {
    var courier = Courier(entries: 300)
    try courier.run(1_000_000)
    courier.now = try #require(courier.client.wakeAt)
    #expect(try courier.step(PackageAnswer(again: Array("9999".utf8))))
    try courier.run(10_000_000)
    #expect(courier.files.count == 1 && courier.heard == 1)
  }

  @Test func `an acknowledgement that is carried back acknowledges`() throws {
    var courier = Courier(entries: 555)
    let note = courier.acknowledgement(300)
    #expect(try courier.step(PackageAnswer(acknowledgement: note)))
    #expect(courier.events == [.acknowledged(size: 300, note: note, timeChecked: true)])
    #expect(courier.client.acknowledgedSize == 300 && courier.client.alarm == nil)
    #expect(try courier.step())
    #expect(courier.verdicts == [true])
    // Once more, and an older one: neither is news, and both are put aside.
    for size: UInt64 in [300, 256] {
      courier.now = try #require(courier.client.wakeAt)
      let older = courier.acknowledgement(size)
      #expect(try courier.step(PackageAnswer(acknowledgement: older)))
      #expect(try courier.step())
    }
    #expect(courier.events.count == 1 && courier.verdicts == [true, true, true])
  }

  @Test func `other lines of the note are left out of what is kept`() throws {
    var courier = Courier(entries: 300)
    let other = courier.acknowledgement(300, name: "witness.example/w1")
    let mirror = courier.acknowledgement(300)
    let both = other + mirror[courier.signerNoteCount(300)...]
    #expect(try courier.step(PackageAnswer(acknowledgement: both)))
    #expect(courier.events == [.acknowledged(size: 300, note: mirror, timeChecked: true)])
  }

  @Test func `a wrong acknowledgement is refused, told, and changes nothing`() throws {
    for (name, alarm, make): (String, MirrorAlarm, (inout Courier) -> [UInt8]) in [
      ("nothing", .strangeAcknowledgement, { _ in [] }),
      ("text", .strangeAcknowledgement, { _ in Array("acknowledged: 300\n".utf8) }),
      (
        "another log", .strangeAcknowledgement,
        { $0.acknowledgement(300, origin: KeyName("mrv.example/gw/other/1")!) }
      ),
      ("another mirror", .badCosignature, { $0.acknowledgement(300, name: "other.example/m1") }),
      (
        "a changed size", .badCosignature,
        {
          var note = $0.acknowledgement(300)
          note[MirrorSteps.shared.origin.utf8.count + 1] = 0x34  // 400
          return note
        }
      ),
      (
        "an hour ahead", .implausibleTime,
        { courier in
          courier.utc += 3_600
          defer { courier.utc -= 3_600 }
          return courier.acknowledgement(300)
        }
      ),
    ] {
      var courier = Courier(entries: 555)
      let note = make(&courier)
      #expect(try courier.step(PackageAnswer(acknowledgement: note)))
      #expect(courier.events == [.alarm(alarm)], "\(name)")
      #expect(courier.client.acknowledgedSize == 0 && courier.client.alarm == alarm, "\(name)")
      #expect(try courier.step())
      #expect(courier.verdicts == [false], "\(name)")
      courier.now = try #require(courier.client.wakeAt)
      let good = courier.acknowledgement(300)
      #expect(try courier.step(PackageAnswer(acknowledgement: good)))
      #expect(courier.client.alarm == nil, "\(name)")
    }
  }

  /// Its own key has signed both.
  @Test(arguments: [300, 256, 1, 555])
  func `another history than this one ends the epoch, and nothing new leaves`(
    size: UInt64
  ) throws {
    var courier = Courier(entries: 555)
    let other = courier.cosigned(Checkpoint(origin: Courier.origin, size: size, root: .zero))
    #expect(try courier.step(PackageAnswer(acknowledgement: other)))
    #expect(courier.events == [.rolledBack])
    courier.grow(100)
    try courier.run(3 * Courier.hour)
    #expect(ranges(courier) == ["000000000000-000000000555"] && courier.client.wakeAt == nil)
  }

  /// What came to harm on the medium says nothing about two histories.
  @Test func `a root that does not lead to the newest one is no other history`() throws {
    var courier = Courier(entries: 555)
    let note = courier.acknowledgement(299)
    courier.log.rot(298)
    #expect(try courier.step(PackageAnswer(acknowledgement: note)))
    #expect(courier.events == [.alarm(.ownDataDamaged)])
  }

  @Test func `a directory that does not answer is told, and goes on when it does`() throws {
    var courier = Courier(entries: 300)
    _ = try courier.client.nextRequest(now: courier.now, minimumIndex: 0, source: &courier.log)
    let wake = try #require(courier.client.wakeAt)
    #expect(wake == courier.now + PackageClient.patience)
    #expect(courier.client.noteSilence(now: wake - 1) == [] && courier.client.failure == nil)
    #expect(courier.client.noteSilence(now: wake) == [.linkDown])
    #expect(courier.client.failure == .directoryHangs && courier.client.wakeAt == nil)
    #expect(courier.client.noteSilence(now: wake + 1) == [], "told once")
    courier.now = wake + 5_000_000
    courier.answer(PackageAnswer())
    #expect(courier.events == [.linkUp] && courier.client.failure == nil)
    #expect(courier.client.writtenSize == 300)
  }

  @Test func `an acknowledgement of more than was signed ends the epoch`() throws {
    var courier = Courier(entries: 300)
    courier.grow(100)
    let note = courier.acknowledgement(400)
    var setBack = Courier(entries: 300)
    #expect(try setBack.step(PackageAnswer(acknowledgement: note)))
    #expect(setBack.events == [.rolledBack])
  }

  @Test func `one that could not be kept is taken at the next look`() throws {
    var courier = Courier(entries: 300)
    let note = courier.acknowledgement(300)
    #expect(try courier.step(PackageAnswer(acknowledgement: note)))
    courier.client.putBack(acknowledgedSize: 0, now: courier.now)
    #expect(courier.client.wakeAt == courier.now + PackageClient.lookPeriod)
    courier.now += PackageClient.lookPeriod
    #expect(try courier.step(PackageAnswer(acknowledgement: note)))
    #expect(courier.events.count == 2 && courier.verdicts.isEmpty)
    #expect(courier.client.acknowledgedSize == 300)
  }
}
