/// What meters answered to which request, as hashes: a Modbus answer does not say which registers it carries, so that nothing
/// else tells one that came late from the one that was asked for.
final class AnswerBook {
  private var known: Set<UInt64> = []
  /// What meters answered to whatever request.
  private var given: Set<UInt64> = []

  init() {}

  /// What stood on a line since a request, before anything happened to it on its way. Where two meters have one address, one
  /// of them is heard; and what an earlier request had left on the line stands in front.
  func note(_ answer: [UInt8], to request: [UInt8]) {
    known.insert(AnswerBook.hash(answer[...], request))
    given.insert(AnswerBook.hash(answer[...], []))
    forEachFrame(in: answer, to: request) {
      known.insert(AnswerBook.hash($0, request))
      given.insert(AnswerBook.hash($0, []))
    }
  }

  /// What has arrived since a request, with all that happened to it on its way. Parts of two answers may make a frame whose
  /// checksum is right by chance, which nobody can tell from an answer; a whole one to another request is not such.
  func noteChance(_ arrived: [UInt8], to request: [UInt8]) {
    forEachFrame(in: arrived, to: request) { frame in
      guard AnswerChecker.problem(of: frame, to: request) == nil,
        !given.contains(AnswerBook.hash(frame, []))
      else { return }
      known.insert(AnswerBook.hash(frame, request))
    }
  }

  /// Calls `body` with whatever begins as the answer to a Modbus request does and is as long.
  private func forEachFrame(
    in bytes: [UInt8], to request: [UInt8], _ body: (ArraySlice<UInt8>) -> Void
  ) {
    guard request.count == 8 else { return }
    let count = 5 + 2 * Int(request[5])
    guard bytes.count >= count else { return }
    for start in 0...(bytes.count - count)
    where bytes[start] == request[0] && bytes[start + 1] == request[1] {
      body(bytes[start..<(start + count)])
    }
  }

  /// A meter has given this answer to this request.
  func has(_ answer: ArraySlice<UInt8>, to request: [UInt8]) -> Bool {
    known.contains(AnswerBook.hash(answer, request))
  }

  /// Eight bytes at a time, each number multiplied by an odd constant (2^64 divided by the golden ratio).
  private static func hash(_ answer: ArraySlice<UInt8>, _ request: [UInt8]) -> UInt64 {
    var hash = UInt64(request.count)
    func take(_ bytes: UnsafeRawBufferPointer) {
      var at = 0
      while at < bytes.count {
        var word: UInt64 = 0
        withUnsafeMutableBytes(of: &word) {
          $0.copyMemory(
            from: UnsafeRawBufferPointer(rebasing: bytes[at..<min(at + 8, bytes.count)]))
        }
        hash = (hash ^ word) &* 0x9E37_79B9_7F4A_7C15
        hash ^= hash >> 29
        at += 8
      }
    }
    request.withUnsafeBytes(take)
    answer.withUnsafeBytes(take)
    return hash
  }
}
