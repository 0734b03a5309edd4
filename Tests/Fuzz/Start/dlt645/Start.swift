import FuzzDLT645

/// Called by libFuzzer with every input.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  fuzzDLT645(UnsafeRawBufferPointer(start: bytes, count: count))
  return 0
}
