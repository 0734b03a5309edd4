// swift-format-ignore-file: NeverForceUnwrap
import HAL
import HostCrypto
import Metering
import Simulator
import Testing
import TransparencyLog

@testable import Uplink

@Suite struct MirrorClientTests {
  func place(_ status: Int, _ pending: Int, _ next: Int, ticket: String = "")
    -> UplinkResponse
  {
    UplinkResponse(
      status: status, contentType: Array("text/x.tlog.mirror-info".utf8),
      body: Array("\(pending)\n\(next)\n\(ticket)\n".utf8))
  }

  func size(_ size: Int) -> UplinkResponse {
    UplinkResponse(
      status: 409, contentType: Array("text/x.tlog.size".utf8), body: Array("\(size)\n".utf8))
  }

  /// A scene whose client has its checkpoint accepted and is about to send entries.
  func atEntries(_ entries: Int, _ configuration: MirrorConfiguration = .init()) throws
    -> Scene
  {
    var scene = try Scene(entries: entries, configuration: configuration)
    scene.sign()
    let done = try scene.step()
    #expect(done)
    return scene
  }

  func next(_ scene: inout Scene) throws -> UplinkRequest? {
    scene.now = max(scene.now, scene.client.wakeAt ?? 0)
    return try scene.client.nextRequest(now: scene.now, source: &scene.log)
  }

  // MARK: the way that everything takes

  @Test func `nothing is asked before there is a checkpoint, nor after it is acknowledged`() throws
  {
    var scene = try Scene(entries: 5)
    #expect(scene.client.wakeAt == nil)
    let asked = try scene.step()
    #expect(!asked)
    scene.sign()
    #expect(scene.client.wakeAt == 0 && scene.client.backlog == 5)
    try scene.drain()
    #expect(scene.acknowledged == [5] && scene.client.backlog == 0)
    #expect(scene.client.wakeAt == nil)
    #expect(scene.mirror.entries == scene.log.entries && scene.mirror.statuses == [200, 200])
  }

  @Test func `the acknowledged note opens under both keys`() throws {
    var scene = try Scene(entries: 300)
    scene.sign()
    try scene.drain()
    guard case .acknowledged(_, let note, true) = scene.events.last else {
      Issue.record("\(scene.events)")
      return
    }
    let checkpoint = try Checkpoint.open(
      note.span, key: scene.mirror.logKey, with: SodiumVerifier())
    #expect(checkpoint.size == 300)
    _ = try Note.parse(note.span).verify(
      note.span, key: scene.mirror.verifierKey, with: SodiumVerifier())
  }

  @Test func `growth while a checkpoint is under way goes with the newest one after it`() throws {
    var scene = try atEntries(300)
    for _ in 0..<3 {
      scene.grow(100)
      scene.sign()
    }
    try scene.drain()
    #expect(scene.acknowledged == [300, 600])
    #expect(scene.mirror.entries == scene.log.entries)
  }

  @Test func `a day's backlog goes in requests of 32 packages or 1.2 MB`() throws {
    var scene = try Scene(entries: 20_000)
    scene.sign()
    try scene.drain()
    #expect(scene.acknowledged == [20_000])
    #expect(scene.mirror.entries.count == 20_000)
    // 79 packages: 32, 32, 15.
    #expect(scene.mirror.statuses == [200, 202, 202, 200])

    var narrow = try Scene(
      entries: 2_000, configuration: MirrorConfiguration(bodyByteLimit: 30_000))
    narrow.sign()
    try narrow.drain()
    #expect(narrow.acknowledged == [2_000])
    #expect(narrow.requests.allSatisfy { $0.body.count <= 30_000 })
    #expect(narrow.requests.count > 3)
  }

  @Test func `one package goes even if it alone is over the limit`() throws {
    var scene = try Scene(entries: 600, configuration: MirrorConfiguration(bodyByteLimit: 10))
    scene.sign()
    try scene.drain()
    #expect(scene.acknowledged == [600])
    #expect(scene.mirror.statuses == [200, 202, 202, 200])
  }

  // MARK: lost requests and answers

  @Test(arguments: 0..<40)
  func `whatever is lost on the way, everything arrives once and in order`(seed: UInt64) throws {
    var random = SeededRandom(state: seed)
    var scene = try Scene(configuration: MirrorConfiguration(packageLimit: 2))
    scene.mirror.usesTickets = seed % 2 == 0
    for _ in 0..<60 {
      switch random.next() % 10 {
      case 0, 1, 2:
        scene.grow(Int(random.next() % 400))
        if scene.log.size > scene.client.newestSignedSize { scene.sign() }
      case 3: if scene.client.newest != nil { scene.restart() }
      case 4: scene.mirror.packagesBeforeCut = Int(random.next() % 2)
      default: scene.mirror.packagesBeforeCut = nil
      }
      scene.now = max(scene.now, scene.client.wakeAt ?? 0)
      let fault: Scene.Fault = [.none, .none, .requestLost, .answerLost][Int(random.next() % 4)]
      _ = try scene.step(fault)
      #expect(scene.client.acknowledgedSize <= scene.mirror.mirrored)
      #expect(
        scene.mirror.entries.elementsEqual(scene.log.entries.prefix(scene.mirror.entries.count)))
    }
    scene.mirror.packagesBeforeCut = nil
    scene.grow(1)
    scene.sign()
    try scene.drain()
    #expect(scene.client.acknowledgedSize == scene.log.size)
    #expect(scene.mirror.entries == scene.log.entries)
    #expect(scene.alarms == [])
    #expect(Set(scene.mirror.statuses).isSubset(of: [0, 200, 202, 409, 422]))
    #expect(scene.acknowledged == scene.acknowledged.sorted())
  }

  @Test func `after a lost acknowledgement the mirror signs again without getting entries twice`()
    throws
  {
    var scene = try atEntries(300)
    _ = try scene.step(.answerLost)
    #expect(scene.acknowledged == [] && scene.mirror.mirrored == 300)
    scene.mirror.clock += 60
    try scene.drain()
    #expect(scene.acknowledged == [300])
    // The probe and the empty upload: a header of 45 bytes each.
    #expect(scene.requests.suffix(2).map(\.body.count) == [45, 45])
  }

  @Test func `the link is reported down once and up once`() throws {
    var scene = try Scene(entries: 10)
    scene.sign()
    for _ in 0..<4 {
      scene.now = max(scene.now, scene.client.wakeAt!)
      _ = try scene.step(.requestLost)
    }
    try scene.drain()
    #expect(scene.events.filter { $0 == .linkDown }.count == 1)
    #expect(scene.events.filter { $0 == .linkUp }.count == 1)
    #expect(scene.client.isLinkUp)
  }

  @Test func `waits grow from 0.5 s to 5 min with jitter, and start anew after a success`() throws {
    var scene = try Scene(entries: 10)
    scene.sign()
    var waits: [UInt64] = []
    for _ in 0..<12 {
      scene.now = max(scene.now, scene.client.wakeAt!)
      _ = try scene.step(.requestLost)
      waits.append(scene.client.wakeAt! - scene.now)
      let early = try scene.client.nextRequest(now: scene.now, source: &scene.log)
      #expect(early == nil)
    }
    for (i, wait) in waits.enumerated() {
      let bound = min(UInt64(5_000_000) << UInt64(i), 300_000_000)
      #expect(wait >= 500_000 && wait < bound, "wait \(i)")
    }
    #expect(Set(waits.suffix(4)).count > 1 && waits.contains { $0 > 150_000_000 })
    try scene.drain()
    scene.grow(1)
    scene.sign()
    _ = try scene.step(.requestLost)
    #expect(scene.client.wakeAt! - scene.now < 5_000_000)
  }

  // MARK: the rows of the table

  @Test func `a stale size is asked from again, three times without a wait`() throws {
    var scene = try Scene(entries: 700)
    scene.sign()
    for round in 1...4 {
      _ = try next(&scene)
      _ = scene.take(size(round))
      #expect((scene.client.wakeAt == 0) == (round <= 3))
    }
    let request = try next(&scene)
    #expect(request?.body.starts(with: Array("old 4\n".utf8)) == true)
    #expect(scene.alarms == [])
  }

  @Test func `a log that was never signed asks where the mirror stands before it sends anything`()
    throws
  {
    let refused = UplinkResponse(status: 422)
    for (responses, released) in [
      ([refused], false), ([refused, refused], true), ([refused, place(409, 5, 0)], false),
      ([refused, UplinkResponse(status: 0), refused], false), ([place(409, 0, 0)], true),
      ([place(409, 5, 0)], false), ([UplinkResponse(status: 404)], true),
      ([UplinkResponse(status: 0)], false),
    ] {
      var scene = try Scene(entries: 10)
      scene.client.noteSigned(note: scene.log.note(Scene.origin, 10, scene.signer))
      for response in responses {
        let probe = try next(&scene)
        #expect(probe?.path == .addEntries && probe?.body.count == 45)
        _ = scene.take(response)
      }
      let second = try next(&scene)
      #expect((second?.path == .addCheckpoint) == released, "\(responses.map(\.status))")
    }
  }

  @Test(arguments: [(404, MirrorAlarm.notEnrolled), (403, .keyUnknown)])
  func `a log or key that is not enrolled is offered again every 15 minutes`(
    status: Int, alarm: MirrorAlarm
  ) throws {
    var scene = try Scene(entries: 10)
    scene.sign()
    for round in 0..<3 {
      _ = try next(&scene)
      let events = scene.take(UplinkResponse(status: status))
      #expect(events == (round == 0 ? [.alarm(alarm)] : []))
      #expect(scene.client.wakeAt == scene.now + 900_000_000)
    }
    try scene.drain()
    #expect(scene.acknowledged == [10] && scene.client.alarm == nil)
  }

  @Test func `entries refused under a checkpoint that the mirror still has hold the upload`() throws
  {
    var scene = try atEntries(300)
    _ = try next(&scene)
    #expect(scene.take(UplinkResponse(status: 422)) == [])
    let again = try next(&scene)
    #expect(again?.path == .addCheckpoint)
    _ = scene.take(UplinkResponse(status: 200))
    _ = try next(&scene)
    #expect(scene.take(UplinkResponse(status: 422)) == [.alarm(.entriesRefused)])
    #expect(scene.client.wakeAt == scene.now + 900_000_000)
    try scene.drain()
    #expect(scene.acknowledged == [300] && scene.client.alarm == nil)
  }

  @Test func `a mirror that lost all of its state gets everything again`() throws {
    var scene = try Scene(entries: 600)
    scene.sign()
    try scene.drain()
    scene.mirror.lose()
    scene.grow(100)
    scene.sign()
    try scene.drain()
    #expect(scene.alarms == [.lostData])
    #expect(scene.acknowledged == [600, 700] && scene.client.alarm == nil)
    #expect(scene.client.keepFrom == 700)
    #expect(scene.mirror.entries == scene.log.entries)
  }

  @Test func `a mirror that lost its state between checkpoint and entries gets everything again`()
    throws
  {
    var scene = try Scene(entries: 300)
    scene.sign()
    try scene.drain()
    scene.grow(300)
    scene.sign()
    _ = try scene.step()
    scene.mirror.lose()
    try scene.drain()
    #expect(scene.alarms == [.lostData])
    #expect(scene.acknowledged == [300, 600])
    #expect(scene.mirror.entries == scene.log.entries)
  }

  @Test
  func `a mirror that lost acknowledged entries gets them again, and they are kept till then`()
    throws
  {
    var scene = try Scene(entries: 600)
    scene.sign()
    try scene.drain()
    scene.mirror.forget(from: 500)
    scene.grow(50)
    scene.sign()
    _ = try scene.step()
    _ = try scene.step()
    #expect(scene.alarms == [.lostData] && scene.client.keepFrom == 500)
    #expect(scene.client.acknowledgedSize == 600)
    try scene.drain()
    #expect(scene.acknowledged == [600, 650] && scene.client.keepFrom == 650)
    #expect(scene.mirror.entries == scene.log.entries)
  }

  @Test func `entries that are gone here are an error of the source, asked again 30 s later`()
    throws
  {
    var scene = try atEntries(300)
    scene.log.firstKept = 10
    #expect(throws: HashSourceError.missing) {
      try scene.client.nextRequest(now: scene.now, source: &scene.log)
    }
    #expect(scene.client.wakeAt == scene.now + 30_000_000)
    scene.log.firstKept = 0
    try scene.drain()
    #expect(scene.acknowledged == [300])
  }

  @Test(arguments: [0, 7, 255, 256, 299])
  func `a damaged entry is found here and never sent`(index: Int) throws {
    var scene = try atEntries(300)
    scene.log.damaged = [index]
    #expect(throws: HashSourceError.damaged) {
      try scene.client.nextRequest(now: scene.now, source: &scene.log)
    }
    #expect(scene.client.alarm == .ownDataDamaged)
    #expect(scene.mirror.statuses == [200])
    scene.log.damaged = []
    try scene.drain()
    #expect(scene.acknowledged == [300] && scene.client.alarm == nil)
  }

  @Test func `a ticket is returned byte for byte, and dropped with the end that it was for`() throws
  {
    var scene = try atEntries(600, MirrorConfiguration(packageLimit: 1))
    _ = try next(&scene)
    _ = scene.take(place(202, 600, 256, ticket: "AAEC/w=="))
    var request = try next(&scene)
    // u16 origin length, origin, start, end, then the ticket's length and bytes.
    let offset = 2 + Scene.origin.count + 16
    #expect(Array(request!.body[offset..<(offset + 6)]) == [0, 4, 0, 1, 2, 0xFF])
    _ = scene.take(place(202, 600, 512, ticket: ""))
    request = try next(&scene)
    #expect(Array(request!.body[offset..<(offset + 2)]) == [0, 0])
    scene.mirror.usesTickets = true
    _ = scene.take(place(202, 600, 512, ticket: "AA=="))
    request = try next(&scene)
    #expect(Array(request!.body[offset..<(offset + 3)]) == [0, 1, 0])
    // 200: the ticket is gone with the next checkpoint.
    var fresh = try Scene(entries: 300)
    fresh.mirror.usesTickets = true
    fresh.sign()
    try fresh.drain()
    fresh.grow(300)
    fresh.sign()
    try fresh.drain()
    #expect(fresh.mirror.ticketsSeen.filter { !$0.isEmpty } == [])
  }

  @Test func `a ticket is dropped with a signature that does not verify`() throws {
    var scene = try atEntries(600, MirrorConfiguration(packageLimit: 2))
    _ = try next(&scene)
    _ = scene.take(place(202, 600, 512, ticket: "AAEC/w=="))
    _ = try next(&scene)
    let other = try cosigned(&scene, size: 599, time: scene.mirror.clock)
    _ = scene.take(other)
    let request = try next(&scene)
    let offset = 2 + Scene.origin.count + 16
    #expect(Array(request!.body[offset..<(offset + 2)]) == [0, 0])
  }

  @Test func `a mirror that has more than this checkpoint is asked for nothing beyond it`() throws {
    // A second client, such as a courier's memory stick, was faster.
    var scene = try atEntries(300)
    scene.grow(400)
    scene.sign()
    _ = try next(&scene)
    _ = scene.take(place(409, 300, 700))
    let request = try next(&scene)
    let range = (2 + Scene.origin.count)..<(2 + Scene.origin.count + 16)
    #expect(Array(request!.body[range]) == [0, 0, 0, 0, 0, 0, 1, 0x2C, 0, 0, 0, 0, 0, 0, 1, 0x2C])
    #expect(request!.body.count == 45)
  }

  @Test func `an answer that brings no growth three times makes the client wait`() throws {
    var scene = try atEntries(300)
    for round in 1...4 {
      _ = try next(&scene)
      _ = scene.take(place(409, 300, 0))
      #expect((scene.client.wakeAt! > scene.now) == (round >= 3))
    }
  }

  /// Answers take no time here, so what is not paced by the client has no end.
  @Test(arguments: [[0, 256], [300, 0, 299], [512, 1, 256, 2]])
  func `a mirror that goes back and forth gets at most one request a second`(places: [Int]) throws {
    var scene = try atEntries(600)
    scene.now = 0
    var count = 0
    while scene.now < 600_000_000, count < 10_000 {
      _ = try next(&scene)
      _ = scene.take(place(count % 3 == 0 ? 202 : 409, 600, places[count % places.count]))
      count += 1
    }
    #expect(count <= 40, "waits double to four minutes: a few for each step back")
    #expect(scene.acknowledged == [])
  }

  @Test func `a mirror that lost its last entries twice gets them again at once`() throws {
    var scene = try atEntries(600)
    for place in [256, 0, 256, 512, 256, 512] {
      _ = try next(&scene)
      _ = scene.take(self.place(202, 600, place))
      #expect(scene.client.wakeAt == 0)
    }
    try scene.drain()
    #expect(scene.acknowledged == [600])
  }

  @Test func `a proxy's limit halves the packages down to one`() throws {
    var scene = try atEntries(256 * 20)
    var counts: [Int] = []
    for _ in 0..<6 {
      _ = try next(&scene)
      counts.append(scene.client.packagesSent)
      _ = scene.take(UplinkResponse(status: 413))
    }
    #expect(counts == [20, 10, 5, 2, 1, 1])
    #expect(scene.client.wakeAt! > scene.now)
    try scene.drain()
    #expect(scene.acknowledged == [5_120])
  }

  @Test func `a mirror that takes no prefix gets the whole remainder after two refusals`() throws {
    var scene = try Scene(entries: 1_500, configuration: MirrorConfiguration(packageLimit: 2))
    scene.mirror.refusesPrefixes = true
    scene.sign()
    try scene.drain()
    #expect(scene.acknowledged == [1_500])
    #expect(scene.mirror.statuses.filter { $0 == 500 }.count == 2)
  }

  @Test(arguments: [400, 500])
  func `after an answer that leaves it open the client asks where the mirror is`(status: Int) throws
  {
    var scene = try atEntries(700, MirrorConfiguration(packageLimit: 1))
    _ = try next(&scene)
    _ = scene.take(UplinkResponse(status: status))
    #expect(scene.client.wakeAt! >= scene.now + 1_000_000)
    let probe = try next(&scene)
    #expect(probe?.path == .addEntries && probe?.body.count == 45)
    _ = scene.take(place(409, 700, 512))
    let rest = try next(&scene)
    #expect(rest!.body[(2 + Scene.origin.count)...].prefix(8) == [0, 0, 0, 0, 0, 0, 2, 0])
  }

  @Test(arguments: [429, 501, 502, 503, 504])
  func `a busy mirror is asked the same again after a wait`(status: Int) throws {
    var scene = try atEntries(300)
    let before = try next(&scene)
    _ = scene.take(UplinkResponse(status: status))
    #expect(scene.client.wakeAt! >= scene.now + 1_000_000)
    let after = try next(&scene)
    #expect(before == after && before != nil)
  }

  @Test(arguments: [
    UplinkResponse(status: 409), UplinkResponse(status: 302), UplinkResponse(status: 100),
    UplinkResponse(status: 202, contentType: Array("text/x.tlog.mirror-info".utf8)),
    UplinkResponse(
      status: 202, contentType: Array("text/x.tlog.mirror-info".utf8), body: Array("1\n2\n".utf8)),
    UplinkResponse(
      status: 202, contentType: Array("text/x.tlog.mirror-info".utf8),
      body: Array("300\n0\n\nmore\n".utf8)),
    UplinkResponse(
      status: 202, contentType: Array("text/x.tlog.mirror-info".utf8),
      body: Array("0300\n0\n\n".utf8)),
    UplinkResponse(
      status: 202, contentType: Array("text/x.tlog.mirror-info".utf8),
      body: Array("300\n0\nA\n".utf8)),
    UplinkResponse(status: 200), UplinkResponse(status: 200, body: Array("thanks\n".utf8)),
  ])
  func `an answer without sense is an alarm and a wait, and acknowledges nothing`(
    response: UplinkResponse
  ) throws {
    var scene = try atEntries(300)
    _ = try next(&scene)
    #expect(scene.take(response) == [.alarm(.unintelligible)])
    #expect(scene.client.acknowledgedSize == 0 && scene.client.wakeAt! > scene.now)
    try scene.drain()
    #expect(scene.acknowledged == [300] && scene.client.alarm == nil)
  }

  // MARK: what acknowledges

  private func cosigned(
    _ scene: inout Scene, size: UInt64, time: UInt64, name: String? = nil, key: String = "mirror"
  ) throws -> UplinkResponse {
    let keys = MirrorSteps.shared.keys
    var signer = try FileKeySigner(seed: seed(keys[key]!.seed_hex))
    let note = scene.log.note(Scene.origin, size, scene.signer)
    let text = Array(note[try Note.parse(note.span).text])
    let line = ByteWriter.bytes {
      _ = Cosignature.sign(
        text: text.span, time: time, name: KeyName(name ?? keys[key]!.name)!, with: &signer, to: &$0
      )
    }
    return UplinkResponse(status: 200, body: line)
  }

  @Test func `a good line over another size, or with a changed bit, acknowledges nothing`() throws {
    var scene = try atEntries(300)
    _ = try next(&scene)
    let other = try cosigned(&scene, size: 299, time: scene.mirror.clock)
    #expect(scene.take(other) == [.alarm(.badCosignature)])
    #expect(scene.client.acknowledgedSize == 0)
    _ = try next(&scene)
    var changed = try cosigned(&scene, size: 300, time: scene.mirror.clock)
    changed.body[60] = changed.body[60] == 0x41 ? 0x42 : 0x41
    #expect(scene.take(changed) == [])
    #expect(scene.client.acknowledgedSize == 0 && scene.client.alarm == .badCosignature)
    try scene.drain()
    #expect(scene.acknowledged == [300] && scene.client.alarm == nil)
  }

  @Test func `lines of other keys mean stored, not acknowledged`() throws {
    var scene = try atEntries(300)
    _ = try next(&scene)
    let response = try cosigned(
      &scene, size: 300, time: scene.mirror.clock, key: "witness")
    #expect(scene.take(response) == [.stored(size: 300)])
    #expect(scene.client.acknowledgedSize == 0 && scene.client.keepFrom == 0)
    #expect(scene.client.wakeAt == nil)
    scene.grow(10)
    scene.sign()
    let request = try next(&scene)
    #expect(request?.path == .addCheckpoint)
  }

  @Test func `the configured key's line is found among others`() throws {
    var scene = try atEntries(300)
    _ = try next(&scene)
    var response = try cosigned(&scene, size: 300, time: scene.mirror.clock, key: "witness")
    response.body += try cosigned(&scene, size: 300, time: scene.mirror.clock).body
    _ = scene.take(response)
    #expect(scene.acknowledged == [300])
    guard case .acknowledged(_, let note, _) = scene.events.last else { return }
    // Only the log's line and the configured key's are kept.
    #expect(try Note.parse(note.span).signatureCount == 2)
  }

  @Test func `a time more than five minutes off is refused, if the clock here is good`() throws {
    for (offset, good) in [(-301, false), (-300, true), (0, true), (300, true), (301, false)] {
      var scene = try atEntries(300)
      _ = try next(&scene)
      let time = UInt64(Int(scene.mirror.clock) + offset)
      let response = try cosigned(&scene, size: 300, time: time)
      let events = scene.take(response)
      if good {
        #expect(scene.acknowledged == [300])
      } else {
        #expect(events == [.alarm(.implausibleTime)] && scene.acknowledged == [])
      }
    }
    for quality in [
      ClockQuality.unknown, ClockQuality(errorExponent: 28, source: .ntp),
      ClockQuality(errorExponent: 10, source: .none),
    ] {
      var scene = try atEntries(300)
      scene.quality = quality
      _ = try next(&scene)
      let response = try cosigned(&scene, size: 300, time: scene.mirror.clock + 86_400)
      let events = scene.take(response)
      guard case .acknowledged(300, _, false) = events.last else {
        Issue.record("\(events)")
        return
      }
    }
  }

  @Test func `the documented header begins the first request of the vectors`() throws {
    var scene = try atEntries(300)
    let request = try next(&scene)
    let origin = Array("mrv.example/gw/7f3a01c2/1".utf8)
    let header = [0, 0x19] + origin + [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x2C, 0, 0]
    #expect(header.count == 45 && request?.body.starts(with: header) == true)
  }

  @Test func `live values go as JSON with the token`() {
    let request = UplinkRequest.live(json: Array("{}".utf8), token: Array("abc".utf8))
    #expect("\(request.path.text)" == "/api/live")
    #expect("\(request.path.contentType)" == "application/json")
    #expect(request.bearerToken == Array("abc".utf8))
  }
}

@Suite struct DecisionTests {
  @Test func `every answer in every stage has one decision, and proofs of misuse hold`() {
    var held: [MirrorAlarm] = []
    for stage in Stage.allCases {
      for answer in Answer.allCases {
        if case .hold(let alarm) = Decision.table(stage, answer) { held.append(alarm) }
      }
    }
    #expect(held.count { $0 == .beyondSigned } == Stage.allCases.count)
    #expect(held.count { $0 == .historyConflict } == 1)
    #expect(held.count { $0 == .notEnrolled } == Stage.allCases.count - 1)
    #expect(held.count { $0 == .keyUnknown } == Stage.allCases.count)
  }

  @Test func `only 200 to entries leads to an acknowledgement`() {
    for stage in Stage.allCases {
      for answer in Answer.allCases where Decision.table(stage, answer) == .verify {
        #expect(stage == .entries && answer == .accepted)
      }
    }
  }
}
