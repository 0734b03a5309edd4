import FuzzSealed

/// Called by libFuzzer with every input.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  fuzzSealed(UnsafeRawBufferPointer(start: bytes, count: count))
  return 0
}
