import Gateway
import HAL
import HostHAL
import Journal

/// What went wrong with the log, in words that say what to do.
extension RecorderError {
  var english: String {
    switch self {
    case .journal(let error): error.english
    case .otherRoot(let size):
      "the entries are not those that were signed (size \(size)): the medium lost or changed some. "
        + "Keep the directory for the auditor; do not delete it"
    case .summaryMissing(let index):
      "what the log held below entry \(index) is summed up in a file that is damaged or gone"
    case .unopened(let epoch, let error):
      "the directory of epoch \(epoch) cannot be made or opened: \(error.english)"
    case .earlierUnreadable(let epoch, let error):
      "what epoch \(epoch) left behind cannot be looked at: \(error.english). Nothing of it is lost; the agent goes on "
        + "when it can be read"
    case .hash(let error): "a hash of the log cannot be computed (\(error))"
    case .keyUnavailable: "the log key cannot sign now"
    }
  }

  var chinese: String {
    switch self {
    case .journal(let error): error.chinese
    case .otherRoot(let size):
      "条目与已签名内容不一致（大小 \(size)）：介质丢失或改变了数据。请保留目录供核查，不要删除"
    case .summaryMissing(let index): "日志在条目 \(index) 之前内容的汇总文件已损坏或丢失"
    case .unopened(let epoch, let error):
      "无法创建或打开纪元 \(epoch) 的目录：\(error.chinese)"
    case .earlierUnreadable(let epoch, let error):
      "无法查看纪元 \(epoch) 的遗留数据：\(error.chinese)。其中数据未丢失；可读取后代理即继续运行"
    case .hash(let error): "无法计算日志的散列值（\(error)）"
    case .keyUnavailable: "日志密钥目前无法签名"
    }
  }
}

/// Why an epoch is over, where a mirror is called or where the log leaves in packages.
extension EpochEnd {
  func english(isOneWay: Bool) -> String {
    switch self {
    case .damaged(let error): error.english
    case .found(.rolledBack):
      "the collector holds checkpoints that this log does not know, so the medium was set back to an "
        + "earlier state or a copy runs elsewhere; look for the copy"
    case .found(.damaged):
      "entries that the collector lacks cannot be read back: the medium is failing, replace it"
    case .found(.full) where isOneWay:
      "the log has used up its quota and the reserve, and nothing of it is acknowledged or older than the site's "
        + "'retention'; what was in no package is lost. Bring acknowledgements back, shorten 'retention', or raise "
        + "quota_mib of the board"
    case .found(.full):
      "the log has used up its quota and the reserve, and the collector has taken nothing that could be given "
        + "up; what it had not taken is lost. Mend the link, or give the log more room (quota_mib of the board)"
    case .found(.givenUp):
      "the collector lacks entries that were given up here because a collector had acknowledged them: it was "
        + "replaced or set back. They are in the collector of before; what none had goes on in the next epoch"
    case .missing: "the key has signed a log that is not here: it was lost or moved"
    }
  }

  func chinese(isOneWay: Bool) -> String {
    switch self {
    case .damaged(let error): error.chinese
    case .found(.rolledBack): "汇集端持有本日志未知的检查点，介质被回退到较早状态或副本正在别处运行；请查找副本"
    case .found(.damaged): "汇集端缺少的条目已无法读回：介质正在损坏，请更换"
    case .found(.full) where isOneWay:
      "日志已用尽配额和预留空间，而其中没有已确认或超过站点 retention 的内容；未写入数据包的部分已丢失。"
        + "请带回确认文件，缩短 retention，或增大板卡的 quota_mib"
    case .found(.full):
      "日志已用尽配额和预留空间，而汇集端没有接收任何可以释放的内容；未被接收的部分已丢失。请修复通信，或增大板卡的 quota_mib"
    case .found(.givenUp):
      "汇集端缺少本机在得到确认后已释放的条目：汇集端被更换或回退。这些条目在原汇集端；未被确认的内容在下一纪元中继续"
    case .missing: "密钥已签署过的日志不在此处：已丢失或被移走"
    }
  }
}

extension JournalError {
  var english: String {
    switch self {
    case .unreadable(let object, let offset, let error):
      "\(name(object)) cannot be read at byte \(offset): \(error.english)"
    case .unwritable(let object, let offset, let error):
      "\(name(object)) cannot be written at byte \(offset): \(error?.english ?? "read back differs")"
    case .damagedFrame(let segment, let offset, let index):
      "\(name(.segment(sequence: segment))) is damaged at byte \(offset) (entry \(index)), and "
        + "later entries follow. Keep the directory; tally verify names what is bad"
    case .damagedSegment(let segment, let index):
      "\(name(.segment(sequence: segment))) is damaged or missing (from entry \(index))"
    case .signedEntriesMissing(let signed, let recovered):
      "\(signed) entries were signed and only \(recovered) are here: the medium lost data or an old "
        + "image was restored. Keep the directory for the auditor"
    case .gap(let gap):
      "\(name(.segment(sequence: gap.sequence))) is damaged at byte \(gap.offset) (entry \(gap.firstIndex)), and the "
        + "collector, which has acknowledged what stood there, did not give it back"
    case .superblocksDamaged: "super.a and super.b are both damaged"
    case .superblocksMissing: "there are segments but neither super.a nor super.b"
    case .foreignLog(let object):
      "\(name(object)) belongs to another origin or epoch; use another --data directory"
    case .notStored(let index): "entry \(index) is not stored"
    case .frameTooLong(let segment, let offset, let byteCount):
      "\(name(.segment(sequence: segment))) has a frame of \(byteCount) bytes at byte \(offset), "
        + "more than this version takes"
    case .exhausted: "no further segment can be made"
    }
  }

  var chinese: String {
    switch self {
    case .unreadable(let object, let offset, let error):
      "无法读取 \(name(object)) 的第 \(offset) 字节：\(error.chinese)"
    case .unwritable(let object, let offset, let error):
      "无法写入 \(name(object)) 的第 \(offset) 字节：\(error?.chinese ?? "回读不一致")"
    case .damagedFrame(let segment, let offset, let index):
      "\(name(.segment(sequence: segment))) 在第 \(offset) 字节（条目 \(index)）损坏，其后仍有条目。"
        + "请保留目录；tally verify 会指出损坏之处"
    case .damagedSegment(let segment, let index):
      "\(name(.segment(sequence: segment))) 损坏或缺失（自条目 \(index) 起）"
    case .signedEntriesMissing(let signed, let recovered):
      "已签名 \(signed) 条，现仅有 \(recovered) 条：介质丢失数据或恢复了旧镜像。请保留目录供核查"
    case .gap(let gap):
      "\(name(.segment(sequence: gap.sequence))) 在第 \(gap.offset) 字节（条目 \(gap.firstIndex)）损坏，"
        + "汇集端已确认这些条目，但未能取回"
    case .superblocksDamaged: "super.a 与 super.b 均已损坏"
    case .superblocksMissing: "有日志段但没有 super.a 和 super.b"
    case .foreignLog(let object): "\(name(object)) 属于其他来源或纪元；请使用其他 --data 目录"
    case .notStored(let index): "未存有条目 \(index)"
    case .frameTooLong(let segment, let offset, let byteCount):
      "\(name(.segment(sequence: segment))) 第 \(offset) 字节处的帧长 \(byteCount) 字节，超过本版本上限"
    case .exhausted: "无法再建立日志段"
    }
  }

  private func name(_ object: StorageObject) -> String { FileBlockStorage.name(of: object) }
}

extension StorageError {
  fileprivate var english: String {
    switch self {
    case .notFound: "it does not exist"
    case .full: "no space is left; free some"
    case .io: "the medium reports an error; replace it"
    case .short: "it is shorter than it should be"
    case .denied: "this user may not; look at owner, mode and mount with ls -l and mount"
    }
  }

  fileprivate var chinese: String {
    switch self {
    case .notFound: "不存在"
    case .full: "空间已满；请腾出空间"
    case .io: "介质报错；请更换介质"
    case .short: "长度不足"
    case .denied: "当前用户无权限；请用 ls -l 与 mount 检查属主、权限与挂载"
    }
  }
}
