/// What meters answered to which request, as hashes: a Modbus answer does not say which registers it carries, so that nothing
/// else tells one that came late from the one that was asked for.
final class AnswerBook {
  private var known: Set<UInt64> = []

  init() {}

  /// What stood on a line since a request, before anything happened to it on its way. Where two meters have one address, one
  /// of them is heard; and what an earlier request had left on the line stands in front.
  func note(_ answer: [UInt8], to request: [UInt8]) {
    known.insert(AnswerBook.hash(answer[...], request))
    guard request.count == 8 else { return }
    let count = 5 + 2 * Int(request[5])
    guard answer.count > count else { return }
    for start in 0...(answer.count - count)
    where answer[start] == request[0] && answer[start + 1] == request[1] {
      known.insert(AnswerBook.hash(answer[start..<(start + count)], request))
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
