import CZstd
import HAL

/// Zstandard (RFC 8878) at level 3, one frame for each chunk.
///
/// Its contexts take turns in memory that is taken once and touched at once. Level 3 has a window of 128 KiB and tables of
/// 384 KiB; chunks are at most 100 KiB and their columns seldom half of that, so that the smaller ones here compress as
/// well (decision 61).
public struct ZstdCodec: ChunkCodec, ~Copyable {
  /// 32 KiB: of columns that are seldom longer. The memory for one block follows from it.
  private static let windowLog: Int32 = 15
  /// Two tables of 2¹³ places.
  private static let tableLog: Int32 = 13

  /// Memory for whoever works with it.
  public let memory: UnsafeMutableRawBufferPointer
  /// For one of both contexts at a time: nothing is kept in them from one chunk to the next.
  private let workspace: UnsafeMutableRawBufferPointer
  private let parameters: ZSTD_compressionParameters

  /// A codec with so much memory beside its own. Traps where this libzstd takes more than it says that it does.
  public init(memoryByteCount: Int) {
    var parameters = ZSTD_getCParams(3, 0, 0)
    parameters.windowLog = UInt32(ZstdCodec.windowLog)
    parameters.hashLog = UInt32(ZstdCodec.tableLog)
    parameters.chainLog = UInt32(ZstdCodec.tableLog)
    self.parameters = parameters
    memory = .allocate(byteCount: memoryByteCount, alignment: 4_096)
    memory.initializeMemory(as: UInt8.self, repeating: 0)
    // It is aligned more than to 8, as libzstd asks for.
    workspace = .allocate(
      byteCount: max(ZSTD_estimateCCtxSize_usingCParams(parameters), ZSTD_estimateDCtxSize()),
      alignment: 64)
    workspace.initializeMemory(as: UInt8.self, repeating: 0)
    let isWarm = warmUp()
    precondition(isWarm, "libzstd takes more memory than it says")
  }

  deinit {
    // The context is in it: nothing else is to be freed.
    workspace.deallocate()
    memory.deallocate()
  }

  /// Compresses and decompresses as much as there may be once, so that what is touched later was touched now.
  private func warmUp() -> Bool {
    let half = memory.count / 2
    guard half > 0 else { return true }
    let bytes = UnsafeMutableRawBufferPointer(rebasing: memory[..<(half / 2)])
    let stored = UnsafeMutableRawBufferPointer(rebasing: memory[half...])
    // Bytes that are neither all alike nor without any order: literals, matches and both entropy coders have work.
    for i in 0..<bytes.count { bytes[i] = UInt8(truncatingIfNeeded: (i &* i) >> 9 ^ i >> 2) }
    defer { memory.initializeMemory(as: UInt8.self, repeating: 0) }
    guard let count = compress(UnsafeRawBufferPointer(bytes), into: stored) else { return false }
    return decompress(
      UnsafeRawBufferPointer(UnsafeMutableRawBufferPointer(rebasing: stored[..<count])),
      into: bytes)
  }

  /// Compresses `bytes` to one frame.
  public func compress(
    _ bytes: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer
  ) -> Int? {
    guard let context = ZSTD_initStaticCCtx(workspace.baseAddress, workspace.count) else {
      return nil
    }
    for (parameter, value) in [
      (ZSTD_c_compressionLevel, 3), (ZSTD_c_strategy, Int32(parameters.strategy.rawValue)),
      (ZSTD_c_windowLog, ZstdCodec.windowLog), (ZSTD_c_hashLog, ZstdCodec.tableLog),
      (ZSTD_c_chainLog, ZstdCodec.tableLog), (ZSTD_c_searchLog, Int32(parameters.searchLog)),
      (ZSTD_c_minMatch, Int32(parameters.minMatch)),
      (ZSTD_c_targetLength, Int32(parameters.targetLength)),
    ] { ZSTD_CCtx_setParameter(context, parameter, value) }
    let count = ZSTD_compress2(
      context, buffer.baseAddress, buffer.count, bytes.baseAddress, bytes.count)
    return ZSTD_isError(count) == 0 ? count : nil
  }

  /// Decompresses one frame, which must fill `buffer`.
  public func decompress(
    _ bytes: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer
  ) -> Bool {
    guard let context = ZSTD_initStaticDCtx(workspace.baseAddress, workspace.count) else {
      return false
    }
    let count = ZSTD_decompressDCtx(
      context, buffer.baseAddress, buffer.count, bytes.baseAddress, bytes.count)
    return ZSTD_isError(count) == 0 && count == buffer.count
  }
}
