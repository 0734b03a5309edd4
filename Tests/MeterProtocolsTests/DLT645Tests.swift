import FuzzKit
import MeterProtocols
import Metering
import Testing

@Suite struct DLT645Tests {
  static let requests = Vectors.dlt645.filter {
    $0.checksumValid && ["11", "13"].contains($0.text("ctrl"))
  }
  static let replies = Vectors.dlt645.filter { $0.checksumValid && $0.text("ctrl") == "91" }

  private func scan(_ request: [UInt8], _ received: [UInt8]) -> ReplyScan {
    MeterProtocol.dlt645.scan(request: request.span, received: received.span)
  }

  private func isDamaged(_ request: [UInt8], _ received: [UInt8]) -> Bool {
    MeterProtocol.dlt645.hasDamagedFrame(request: request.span, received: received.span)
  }

  /// Without the wake-up bytes.
  private func bare(_ frame: [UInt8]) -> [UInt8] { Array(frame.drop { $0 == 0xFE }) }

  private func request(for vector: Vector) throws -> [UInt8] {
    let address = try #require(vector.text("addr").flatMap { DLT645Address($0) })
    let di = try #require(vector.text("di").flatMap { UInt32($0, radix: 16) })
    return written { DLT645Request.read(address, identifier: di).write(into: &$0) }
  }

  @Test func `there are enough published frames`() {
    #expect(Self.requests.count >= 13)
    #expect(Self.replies.count >= 6)
  }

  @Test(arguments: requests)
  func `a published request is read and written to the byte`(vector: Vector) throws {
    let request = try #require(DLT645Request(parsing: vector.frame))
    #expect(request.address.description == vector.text("addr")?.uppercased())
    #expect(request.identifier == vector.text("di").flatMap { UInt32($0, radix: 16) })
    #expect(request.part == nil)
    let sent = written { request.write(into: &$0) }
    #expect(bare(sent) == bare(vector.frame))
    #expect(sent[..<4] == [0xFE, 0xFE, 0xFE, 0xFE])
  }

  @Test(arguments: replies)
  func `a published reply is accepted whole`(vector: Vector) throws {
    let frame = bare(vector.frame)
    let request = try request(for: vector)
    #expect(scan(request, frame) == .accepted(0..<frame.count, more: false))
    let start = vector.frame.count - frame.count
    #expect(scan(request, vector.frame) == .accepted(start..<vector.frame.count, more: false))
  }

  @Test(arguments: replies)
  func `every truncation of a reply is incomplete`(vector: Vector) throws {
    let request = try request(for: vector)
    for count in 0..<vector.frame.count {
      #expect(scan(request, Array(vector.frame[..<count])) == .incomplete)
    }
  }

  @Test(arguments: replies)
  func `no single flipped bit is accepted`(vector: Vector) throws {
    let request = try request(for: vector)
    let frame = bare(vector.frame)
    for i in frame.indices {
      for bit in 0..<8 {
        var bad = frame
        bad[i] ^= 1 << bit
        #expect(scan(request, bad) == .incomplete, "byte \(i) bit \(bit)")
      }
    }
  }

  @Test(arguments: replies)
  func `a reply is found between garbage, echo and wake-up bytes`(vector: Vector) throws {
    let request = try request(for: vector)
    let frame = bare(vector.frame)
    var random = FuzzRandom(state: 645)
    for turn in 0..<200 {
      let before = random.bytes(Int(random.next() % 40)) + (turn % 2 == 0 ? request : [0xFE, 0x68])
      let after = random.bytes(Int(random.next() % 24))
      let range = before.count..<before.count + frame.count
      #expect(scan(request, before + frame + after) == .accepted(range, more: false))
    }
  }

  @Test func `an echo is never a reply`() throws {
    for vector in Self.requests {
      let sent = written { DLT645Request(parsing: vector.frame)?.write(into: &$0) }
      #expect(scan(sent, sent) == .incomplete)
      #expect(!isDamaged(sent, sent))
    }
  }

  @Test(arguments: ["dlt-645-2007-006", "dlt-645-2007-038"])
  func `a published frame with a wrong checksum is refused`(id: String) {
    let vector = Vectors.dlt645(id)
    let request = Vectors.dlt645("dlt-645-2007-003").frame
    #expect(scan(request, vector.frame) == .incomplete)
    #expect(isDamaged(request, vector.frame))
    #expect(DLT645Request(parsing: vector.frame) == nil)
  }

  @Test func `an abnormal answer refuses the request with its error byte`() throws {
    let vector = Vectors.dlt645("dlt-645-2007-031")
    let address = try #require(DLT645Address("123456789012"))
    let request = written {
      DLT645Request.read(address, identifier: 0x0201_0100).write(into: &$0)
    }
    #expect(scan(request, vector.frame) == .refused(0..<13, code: 6))
    #expect(DLT645ErrorByte(rawValue: 6).hasNoData && DLT645ErrorByte(rawValue: 6).isUnauthorized)
    #expect(!DLT645ErrorByte(rawValue: 6).isOther)
  }

  @Test func `the answer of another meter or with other data is passed over`() throws {
    let request = Vectors.dlt645("dlt-645-2007-013").frame  // L1 voltage of 000000000161
    let reply = Vectors.dlt645("dlt-645-2007-014").frame
    for foreign in [
      Vectors.dlt645("dlt-645-2007-016").frame,  // its current
      bare(Vectors.dlt645("dlt-645-2007-027").frame),  // frequency of another meter
      Vectors.dlt645("dlt-645-2007-031").frame,  // the refusal of another meter
    ] {
      #expect(scan(request, foreign) == .incomplete)
      #expect(!isDamaged(request, foreign))
      let range = foreign.count..<foreign.count + reply.count
      #expect(scan(request, foreign + reply) == .accepted(range, more: false))
      // Cut off in its middle it is still no reason to wait.
      let cut = Array(foreign[..<10])
      #expect(scan(request, cut + reply) == .accepted(10..<10 + reply.count, more: false))
    }
  }

  @Test func `a data byte may look like the start or the end of a frame`() throws {
    let address = try #require(DLT645Address("000000000161"))
    let request = DLT645Request.read(address, identifier: 0x0001_FF00)
    let sent = written { request.write(into: &$0) }
    // 68H and 16H on the wire are 35H and E3H in the data.
    let data: [UInt8] = [0x35, 0xE3, 0xE3, 0x35, 0x35, 0xE3, 0x35, 0x35]
    let reply = written {
      DLT645Server.writeReply(to: request, from: address, data: data.span, into: &$0)
    }
    #expect(scan(sent, reply) == .accepted(4..<reply.count, more: false))
    for count in 0..<reply.count { #expect(scan(sent, Array(reply[..<count])) == .incomplete) }
  }

  @Test func `a follow-up is asked for part by part`() throws {
    let address = try #require(DLT645Address("000000000161"))
    let first = DLT645Request.read(address, identifier: 0x0506_01FF)
    let sent = written { first.write(into: &$0) }
    let reply = written {
      DLT645Server.writeReply(to: first, from: address, data: [1, 2].span, more: true, into: &$0)
    }
    #expect(reply[12] == 0xB1)
    #expect(scan(sent, reply) == .accepted(4..<reply.count, more: true))

    let next = written {
      MeterProtocol.dlt645.writeFollowUp(request: sent.span, part: 1, into: &$0)
    }
    // C = 12, L = 5, identifier, part number, each data byte plus 33H.
    #expect(next[12...18] == [0x12, 0x05, 0x32, 0x34, 0x39, 0x38, 0x34])
    let parsed = try #require(DLT645Request(parsing: next))
    #expect(parsed == .followUp(address, identifier: 0x0506_01FF, part: 1))

    let last = written {
      DLT645Server.writeReply(to: parsed, from: address, data: [3].span, into: &$0)
    }
    #expect(last[12] == 0x92)
    #expect(scan(next, last) == .accepted(4..<last.count, more: false))
    #expect(scan(sent, last) == .incomplete, "a part is no answer to the first request")
    let other = written {
      MeterProtocol.dlt645.writeFollowUp(request: next.span, part: 2, into: &$0)
    }
    #expect(scan(other, last) == .incomplete, "part 1 is no answer to part 2")
  }

  @Test func `a meter tells its address to a wildcard`() throws {
    let sent = written { DLT645Request.readAddress().write(into: &$0) }
    #expect(sent == Vectors.dlt645("dlt-645-2007-001").frame)
    let address = try #require(DLT645Address("003411001043"))
    let reply = written { DLT645Server.writeAddressReply(from: address, into: &$0) }
    #expect(scan(sent, reply) == .accepted(4..<reply.count, more: false))
    // Captured from python-dlt645's meter: the address stands in the header and in the data.
    #expect(bare(reply)[..<8] == [0x68, 0x43, 0x10, 0x00, 0x11, 0x34, 0x00, 0x68])
    #expect(bare(reply)[8..<16] == [0x93, 0x06, 0x76, 0x43, 0x33, 0x44, 0x67, 0x33])
  }

  @Test func `an address has twelve decimal digits or wildcards`() throws {
    #expect(DLT645Address("003411001043")?.digits == 0x0034_1100_1043)
    #expect(DLT645Address("00341100104") == nil)
    #expect(DLT645Address("0034110010430") == nil)
    #expect(DLT645Address("00341100104A") == nil)
    #expect(DLT645Address("0034110010zz") == nil)
    #expect(DLT645Address([0, 0x34, 0x11, 0, 0x10, 0x43])?.description == "003411001043")
    #expect(DLT645Address([0, 0x34, 0x11, 0, 0x10, 0x4B]) == nil)
    #expect(DLT645Address([0, 0x34]) == nil)
    // A wildcard in the high bytes, as a search digit by digit uses it.
    let some = try #require(DLT645Address("AAAA11001043"))
    #expect(some.matches(try #require(DLT645Address("003411001043"))))
    #expect(!some.matches(try #require(DLT645Address("003411001044"))))
  }

  @Test func `no control code but the three that read can be sent`() throws {
    let address = try #require(DLT645Address("000000000161"))
    for control in UInt8.min...0x7F {
      for count in [0, 4, 5, 12] {
        var frame = bytes("68 61 01 00 00 00 00 68") + [control, UInt8(count)]
        frame += [UInt8](repeating: 0x33, count: count)
        frame += [frame.reduce(0, &+), 0x16]
        let allowed = [[0x11, 4], [0x12, 5], [0x13, 0]].contains([Int(control), count])
        #expect((DLT645Request(parsing: frame) != nil) == allowed)
        guard case .query(_, let query) = DLT645Server.scan(frame) else {
          Issue.record("control \(control) is a valid frame")
          continue
        }
        #expect(query.control == control && query.address == address)
        #expect((query.request != nil) == allowed)
        let refusal = written {
          DLT645Server.writeRefusal(
            of: query, from: address, error: DLT645ErrorByte(rawValue: 2), into: &$0)
        }
        #expect(refusal[12] & 0x80 != 0, "what a meter sends is never a request")
      }
    }
  }

  @Test func `broadcast time is understood as a request that does not read`() throws {
    let vector = Vectors.dlt645("dlt-645-2007-032")
    #expect(DLT645Request(parsing: vector.frame) == nil)
    guard case .query(_, let query) = DLT645Server.scan(vector.frame) else {
      Issue.record("not found")
      return
    }
    #expect(query.control == 0x08 && query.request == nil && query.dataByteCount == 6)
  }

  @Test func `a meter finds a request after a reply of another and after garbage`() {
    let request = Vectors.dlt645("dlt-645-2007-013").frame
    let reply = Vectors.dlt645("dlt-645-2007-016").frame
    let stream = [0x68, 0x00, 0x16] + reply + [0xFE] + request
    guard case .query(let range, let query) = DLT645Server.scan(stream) else {
      Issue.record("not found")
      return
    }
    #expect(range == stream.count - request.count..<stream.count)
    #expect(query.request == DLT645Request(parsing: request))
    for count in 0..<request.count {
      #expect(DLT645Server.scan(Array(request[..<count])) == .incomplete)
    }
  }

  @Test(arguments: replies)
  func `a meter's reply equals the captured one`(vector: Vector) throws {
    let sent = try request(for: vector)
    let request = try #require(DLT645Request(parsing: sent))
    let frame = bare(vector.frame)
    let data = frame[14..<frame.count - 2].map { $0 &- 0x33 }
    let reply = written {
      DLT645Server.writeReply(to: request, from: request.address, data: data.span, into: &$0)
    }
    #expect(bare(reply) == frame)
  }
}
