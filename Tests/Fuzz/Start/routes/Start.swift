import FuzzRoutes

/// Called by libFuzzer with every input: of those of a campaign, which `scripts/fuzz` keeps to 700 bytes, the
/// first request is taken; a history that is played again is longer, and taken whole.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  fuzzRoutes(
    UnsafeRawBufferPointer(start: bytes, count: count), requestCountMax: count <= 700 ? 1 : .max)
  return 0
}
