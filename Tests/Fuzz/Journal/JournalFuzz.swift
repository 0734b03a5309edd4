import FuzzKit
import HAL
import Journal
import TransparencyLog

// An input is
//
//     image       which of the prepared media it starts from, modulo their number
//     edits       object, offset (2), count, bytes: object bits 0–2 which (0, 1 superblocks, 2 to 5
//                 segments), bits 3–4: 0 the bytes replace what is there; 1 as many bytes are set to
//                 the first of them; 2 the object is removed; 3 it is made, all zero; bit 7: then the checksum of
//                 the header in that block is made good
//
// so that mutations of a log with good checksums get as far as those without.

/// What recovery makes of any medium: it takes it and goes on, or refuses and leaves it as it was.
public func fuzzJournal(_ bytes: UnsafeRawBufferPointer) {
  var input = FuzzInput(bytes)
  let disk = FuzzDisk.scratch
  disk.copy(PreparedImages.all[Int(input.byte()) % PreparedImages.all.count])
  while !input.isAtEnd { edit(disk, &input) }
  checkHeaders(disk)
  FuzzDisk.before.copy(disk)
  switch JournalRun.first.recover(disk) {
  case .failure:
    mustHold(disk.isEqual(to: FuzzDisk.before), "what is refused stays as it was found")
  case .success(let found):
    mustHold(found.signedSize <= found.size, "no more is claimed than is there")
    // What recovery wrote is whole: a second one finds the same and has nothing to mend.
    guard case .success(let again) = JournalRun.second.recover(disk) else {
      return mustHold(false, "what was recovered can be recovered again")
    }
    mustHold(again.decision == .clean, "recovery leaves a clean log")
    mustHold(
      again.size == found.size && again.hash == found.hash, "the same entries are found again")
    mustHold(
      again.signedSize == found.signedSize && again.signedRoot == found.signedRoot,
      "what was signed is the same")
    extend(disk, from: again)
  }
}

/// The log goes on: another entry is committed, and found after a further start.
private func extend(_ disk: FuzzDisk, from found: JournalRun.Found) {
  guard JournalRun.second.append([[0xA5, 0x5A]]) else { return }
  guard case .success(let longer) = JournalRun.first.recover(disk) else {
    return mustHold(false, "a log that went on can be recovered")
  }
  mustHold(longer.size == found.size + 1, "it has one entry more")
}

private func edit(_ disk: FuzzDisk, _ input: inout FuzzInput) {
  let head = input.byte()
  let object = Int(head & 7) % FuzzDisk.objectCount
  let offset = Int(input.word())
  let bytes = input.bytes(Int(input.byte()))
  guard let memory = disk.memory(of: object) else { return }
  let start = offset % memory.count
  let kind = head >> 3 & 3
  if kind == 3, !disk.exists[object] {
    memory.update(repeating: 0)
    disk.exists[object] = true
  }
  guard disk.exists[object] else { return }
  switch kind {
  case 0:
    for (i, byte) in bytes.enumerated() where start + i < memory.count { memory[start + i] = byte }
  case 1:
    for i in 0..<bytes.count where start + i < memory.count { memory[start + i] = bytes[0] }
  case 2:
    disk.exists[object] = false
    return
  default: break
  }
  if head & 0x80 != 0 { mend(object, memory, blockAt: start & ~4095) }
}

/// Makes the checksums good of the superblock, the segment header or the frame in a block.
private func mend(_ object: Int, _ memory: UnsafeMutableBufferPointer<UInt8>, blockAt start: Int) {
  func store(_ value: UInt32, at offset: Int) {
    for i in 0..<4 { memory[offset + i] = UInt8(truncatingIfNeeded: value >> (8 * UInt32(i))) }
  }
  func load(_ offset: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(memory[offset + $1]) << (8 * UInt32($1)) }
  }
  let bytes = UnsafeBufferPointer(memory).span
  if object < 2 { return store(CRC32C.checksum(bytes.extracting(0..<4092)), at: 4092) }
  if start == 0 { return store(CRC32C.checksum(bytes.extracting(0..<28)), at: 28) }
  let payload = Int(load(start + 28))
  if payload <= memory.count - start - FrameHeader.byteCount {
    let first = start + FrameHeader.byteCount
    store(CRC32C.checksum(bytes.extracting(first..<(first + payload))), at: start + 36)
  }
  store(CRC32C.checksum(bytes.extracting(start..<(start + 40))), at: start + 40)
}

/// Each header that can be read is written as it was read.
private func checkHeaders(_ disk: FuzzDisk) {
  withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 64) { copy in
    for object in 2..<FuzzDisk.objectCount {
      guard disk.exists[object], let memory = disk.memory(of: object) else { continue }
      let bytes = UnsafeBufferPointer(memory).span
      if let header = SegmentHeader(bytes) {
        header.write(into: copy)
        mustHold(
          areEqual(UnsafeBufferPointer(copy).span.extracting(0..<32), bytes.extracting(0..<32)),
          "a segment's header is written as it was read")
      }
      for start in stride(from: 4096, to: memory.count, by: 4096) {
        guard let header = FrameHeader(bytes.extracting(start..<(start + 64))) else { continue }
        header.write(into: copy)
        mustHold(
          areEqual(
            UnsafeBufferPointer(copy).span.extracting(0..<44),
            bytes.extracting(start..<(start + 44))), "so is that of a frame")
        if let count = header.frameByteCount { mustHold(count % 4096 == 0, "in whole blocks") }
        _ = header.endIndex
      }
    }
  }
}
