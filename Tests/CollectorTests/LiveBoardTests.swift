import Testing

@testable import Collector

@Suite struct LiveBoardTests {
  private func post(
    _ origin: String, session: UInt64?, change: UInt64?, _ value: String
  ) -> LivePost {
    LivePost(
      origin: origin, session: session, change: change,
      values: [
        LiveValue(
          device: 1, label: "a", quantity: "voltage-l1", value: value, unit: "V", utc: 1, status: 0)
      ])
  }

  private func shown(_ board: LiveBoard) -> [String?] {
    board.snapshot().gateways.flatMap(\.values).map(\.value)
  }

  @Test func `a post that comes late changes nothing`() {
    let board = LiveBoard()
    board.post(post("d/gw/s/1", session: 3, change: 10, "10"))
    board.post(post("d/gw/s/1", session: 3, change: 12, "12"))
    board.post(post("d/gw/s/1", session: 3, change: 10, "10"))
    #expect(shown(board) == ["12"])
    // A start counts anew, so does an epoch, and a gateway that does not count is believed.
    board.post(post("d/gw/s/1", session: 4, change: 1, "1"))
    #expect(shown(board) == ["1"])
    board.post(post("d/gw/s/2", session: 4, change: 0, "0"))
    #expect(shown(board) == ["0"])
    board.post(post("d/gw/s/2", session: nil, change: nil, "-1"))
    #expect(shown(board) == ["-1"])
  }
}
