extension Finding {
  /// What is wrong, in English.
  public var english: String {
    switch self {
    case .missingFile(let path): "\(path): the file is missing"
    case .damagedFile(let path, let offset):
      "\(path): damaged\(offset.map { " at byte \($0)" } ?? "")"
    case .damagedEntry(let index, let path, let confirmed):
      "entry \(index): damaged, in \(path)"
        + (confirmed ? "" : " (not confirmed by the signed root)")
    case .damagedEntries(let range, let path, let offset):
      "entries \(range.lowerBound) to \(range.upperBound - 1): damaged or lost, in \(path)"
        + (offset.map { " at byte \($0)" } ?? "")
    case .badNote(let path, let problem): "\(path): \(problem.english)"
    case .contradiction(let path):
      "\(path): says something else than the note in it, or belongs to another log"
    case .wrongRoot(let size):
      "the first \(size) entries do not have the signed root: one of them was changed, added or removed"
    case .entriesMissing(let signed, let found):
      "\(signed) entries were signed and \(found) are there"
    case .misplacedEntry(let index):
      "entry \(index): says that it stands elsewhere, or belongs to another log"
    case .nothingSigned: "nothing is signed yet"
    case .malformedEntry(let index): "entry \(index): is no entry of this format"
    case .damagedDocument(let index):
      "entry \(index): its document is not whole or does not have the stated hash"
    case .unknownChannel(let index, let channel):
      "entry \(index): reads channel \(channel), which the log has not stated"
    case .missingSlots(let channel, let request, let slots):
      "channel \(channel), request \(request): \(slotCount(slots)) slots from \(slots.lowerBound) to "
        + "\(slots.upperBound) are neither there nor explained"
    case .doubledSlot(let index, let channel, let request, let slot):
      "entry \(index): channel \(channel), request \(request), slot \(slot) has a reading already"
    case .unsynchronised(let entries, let all, let limit):
      "\(entries) of \(all) entries come from a clock that was never synchronised (limit \(limit) %)"
    case .tooOld(let seconds, let limit):
      "the newest entry is \(seconds) s old (limit \(limit) s)"
    case .notCosigned(let key, let path): "\(path): has no cosignature of \(key)"
    }
  }

  /// 问题说明。
  public var chinese: String {
    switch self {
    case .missingFile(let path): "\(path)：文件缺失"
    case .damagedFile(let path, let offset):
      "\(path)：已损坏\(offset.map { "（字节 \($0) 处）" } ?? "")"
    case .damagedEntry(let index, let path, let confirmed):
      "条目 \(index)：已损坏，位于 \(path)" + (confirmed ? "" : "（未经签名根哈希确认）")
    case .damagedEntries(let range, let path, let offset):
      "条目 \(range.lowerBound) 至 \(range.upperBound - 1)：损坏或丢失，位于 \(path)"
        + (offset.map { "（字节 \($0) 处）" } ?? "")
    case .badNote(let path, let problem): "\(path)：\(problem.chinese)"
    case .contradiction(let path): "\(path)：与其中的签名检查点不符，或属于另一日志"
    case .wrongRoot(let size): "前 \(size) 个条目与签名根哈希不符：有条目被更改、增加或删除"
    case .entriesMissing(let signed, let found): "已签名 \(signed) 个条目，仅找到 \(found) 个"
    case .misplacedEntry(let index): "条目 \(index)：自述位置不符，或属于另一日志"
    case .nothingSigned: "尚未签名任何内容"
    case .malformedEntry(let index): "条目 \(index)：格式不符"
    case .damagedDocument(let index): "条目 \(index)：其文件不完整或哈希不符"
    case .unknownChannel(let index, let channel): "条目 \(index)：引用了日志中未声明的通道 \(channel)"
    case .missingSlots(let channel, let request, let slots):
      "通道 \(channel) 请求 \(request)：时隙 \(slots.lowerBound) 至 \(slots.upperBound) 共 "
        + "\(slotCount(slots)) 个既无读数也无说明"
    case .doubledSlot(let index, let channel, let request, let slot):
      "条目 \(index)：通道 \(channel) 请求 \(request) 时隙 \(slot) 已有读数"
    case .unsynchronised(let entries, let all, let limit):
      "\(all) 个条目中有 \(entries) 个来自从未同步的时钟（上限 \(limit) %）"
    case .tooOld(let seconds, let limit): "最新条目距今 \(seconds) 秒（上限 \(limit) 秒）"
    case .notCosigned(let key, let path): "\(path)：没有 \(key) 的会签"
    }
  }
}

extension Finding.NoteProblem {
  /// What is wrong with the note, in English.
  public var english: String {
    switch self {
    case .malformed: "the note is malformed"
    case .unsigned: "the note has no signature of the key that was given"
    case .badSignature: "a signature of the note is wrong"
    case .otherOrigin: "the note is of another log than the key that was given"
    }
  }

  /// 检查点问题。
  public var chinese: String {
    switch self {
    case .malformed: "检查点格式错误"
    case .unsigned: "检查点没有所给公钥的签名"
    case .badSignature: "检查点签名错误"
    case .otherOrigin: "检查点属于另一日志"
    }
  }
}
