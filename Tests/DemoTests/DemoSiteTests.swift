import Testing

@testable import tally_sim

@Suite struct DemoSiteTests {
  @Test func `only the address and the key of the mirror change`() {
    let text = """
      # url: not this one
      origin: {domain: a, serial: b}
      mirror:
        # Where the log goes.
        url: http://127.0.0.1:8470  # usual
        vkey: m+00000000+AA==
        nested:
          url: kept
      lines:
        - name: a
          url: kept

      """
    let expected = """
      # url: not this one
      origin: {domain: a, serial: b}
      mirror:
        # Where the log goes.
        url: http://127.0.0.1:9999
        vkey_file: keys/mirror.vkey
        nested:
          url: kept
      lines:
        - name: a
          url: kept

      """
    #expect(DemoSite.pointing(text, at: "http://127.0.0.1:9999") == expected)
    #expect(DemoSite.pointing(expected, at: "http://127.0.0.1:9999") == expected)
  }

  @Test(arguments: ["", "mirror:\n", "mirror:\nurl: x\n", "other:\n  url: x\n"])
  func `a site without a mirror's address is not changed`(text: String) {
    #expect(DemoSite.pointing(text, at: "http://127.0.0.1:1") == nil)
  }
}

@Suite struct LoopbackHTTPTests {
  @Test func `status and body of an answer are told apart`() throws {
    let bytes = Array("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}".utf8)
    let answer = try #require(LoopbackHTTP.answer(bytes))
    #expect(answer.status == 200)
    #expect(answer.body == "{}")
  }

  @Test(arguments: ["", "HTTP/1.1", "HTTP/1.1 x OK\r\n\r\n", "SSH-2.0 200 x"])
  func `what is no answer is nothing`(text: String) {
    #expect(LoopbackHTTP.answer(Array(text.utf8)) == nil)
  }

  @Test func `an answer that is cut off has an empty body`() {
    #expect(LoopbackHTTP.answer(Array("HTTP/1.1 500 no\r\nA: b".utf8))?.body == "")
  }
}

@Suite struct DemoViewTests {
  @Test func `the time of day is UTC`() {
    #expect(DemoView.time(1_785_003_723_000_000) == "18:22:03 UTC")
    #expect(DemoView.time(nil) == "")
  }
}

@Suite struct DemoKeysTests {
  @Test func `the token is the last word of its line`() {
    #expect(DemoKeys.token(in: "enrolled x\nlive token: abc\n") == "abc")
    #expect(DemoKeys.token(in: "nothing") == nil)
  }
}
