import Collector
import Dispatch
import FuzzKit
import HTTPTypes
import Hummingbird
import NIOCore

// An input is a sequence of requests:
//
//     head      bits 0–2 kind, bit 3 which of two logs, bits 4–5 see kind 7
//     flags     see the kinds
//     count     2 bytes, then so many bytes of payload
//
//     kind 0    add-checkpoint, payload as body
//          1    the next add-checkpoint of the log, with edits
//          2    the next add-entries of the log, with edits; flags 1 gzip, 2 in pieces of 7 bytes,
//               4 another media type, 8 an odd encoding
//          3    add-entries, payload as body; flags as with 2
//          4    GET or HEAD (flag 2), payload as path; flag 1 with the token, 4 below the log's path
//          5    POST /api/live, payload as body; flag 1 with the log's token, 2 as its only value
//          6    any method (flags) on the path that is the payload up to a blank, the rest as body
//          7    a gateway that writes what it likes: payload as further entries of a well-signed log,
//               which is uploaded, decoded and read back; it costs fifty times what the others do, so it
//               needs bits 4 and 5 of the head too, and is kind 4 without them
//
// Edits are offset (2), how (bits 0–1: replace, insert, remove), count, bytes.
//
// State is kept from input to input, as in a collector that runs; `RoutesWorld.reset` begins anew. What
// came since then lies in `RoutesWorld.history`, so that a finding can be made again as one input.

/// What the collector's routes make of any sequence of requests.
///
/// - Parameter requestCountMax: so many requests of the input are taken. A campaign takes few: the state is
///   kept anyway, and many inputs of one request each find more than few of a hundred.
public func fuzzRoutes(_ bytes: UnsafeRawBufferPointer, requestCountMax: Int = .max) {
  let world = RoutesWorld.current()
  var input = FuzzInput(bytes)
  var requests: [FuzzRequest] = []
  while !input.isAtEnd, requests.count < requestCountMax {
    requests.append(FuzzRequest(&input))
  }
  requests.forEach(world.remember)
  let all = requests
  let done = DispatchSemaphore(value: 0)
  Task {
    for request in all { await world.answer(request) }
    done.signal()
  }
  done.wait()
}

/// Begins anew: what an input does must then follow from it alone.
public func resetRoutes() { RoutesWorld.reset() }

/// One request of an input.
struct FuzzRequest: Sendable {
  let kind: UInt8
  let log: Int
  let flags: UInt8
  let payload: [UInt8]

  init(_ input: inout FuzzInput) {
    let head = input.byte()
    kind = head & 7 == 7 && head & 0x30 != 0x30 ? 4 : head & 7
    log = Int(head >> 3 & 1)
    flags = input.byte()
    payload = Array(input.bytes(Int(input.word())))
  }

  /// The request as an input has it, whole.
  var encoded: [UInt8] {
    let count = payload.count
    // Kind 4 that was meant as kind 7 may be written as what it is.
    return [
      kind | UInt8(log) << 3 | (kind == 7 ? 0x30 : 0), flags, UInt8(count >> 8), UInt8(count & 255),
    ]
      + payload
  }

  /// A body with the edits of the payload.
  func edited(_ body: [UInt8]) -> [UInt8] {
    var body = body
    payload.withUnsafeBytes { bytes in
      var input = FuzzInput(bytes)
      while !input.isAtEnd {
        let offset = min(Int(input.word()), body.count)
        let how = input.byte() & 3
        let count = Int(input.byte())
        let end = min(body.count, offset + count)
        switch how {
        case 0, 3: body.replaceSubrange(offset..<end, with: input.bytes(count))
        case 1: body.insert(contentsOf: input.bytes(count), at: offset)
        default: body.removeSubrange(offset..<end)
        }
      }
    }
    return body
  }
}
