import ReadingStore

/// Why the decoder could not use an entry. The entry is stored and acknowledged all the same.
public enum DecodeProblemKind: Int, CaseIterable, Sendable {
  /// The bytes are not an entry.
  case notAnEntry = 1
  /// The entry names another place than the one it stands at.
  case otherIndex = 2
  /// A document does not have the hash that its entry gives.
  case otherHash = 3
  /// Parts of a document are missing.
  case missingParts = 4
  /// A profile cannot be read.
  case badProfile = 5
  /// A channel cannot be read.
  case badChannel = 6
  /// A reading names a channel that the log does not have.
  case unknownChannel = 7
  /// A channel names a profile that the log does not have.
  case unknownProfile = 8
  /// A request of a channel is not one of its profile.
  case unknownRequest = 9
  /// Frames of an answer in several frames are missing.
  case missingFrames = 10

  /// What was found.
  public var english: String {
    switch self {
    case .notAnEntry: "the bytes are not an entry"
    case .otherIndex: "the entry names another place than the one it stands at"
    case .otherHash: "the document does not have the hash that its entry gives"
    case .missingParts: "parts of the document are missing"
    case .badProfile: "the device profile cannot be read"
    case .badChannel: "the channel cannot be read"
    case .unknownChannel: "the reading names a channel that the log does not have"
    case .unknownProfile: "the channel names a device profile that the log does not have"
    case .unknownRequest: "the request is not one of the device profile"
    case .missingFrames: "frames of an answer are missing"
    }
  }

  /// 发现的问题。
  public var chinese: String {
    switch self {
    case .notAnEntry: "该字节不是条目"
    case .otherIndex: "条目自述的序号与其所在位置不符"
    case .otherHash: "文档与其条目给出的散列值不符"
    case .missingParts: "文档的部分分片缺失"
    case .badProfile: "无法读取设备档案"
    case .badChannel: "无法读取通道"
    case .unknownChannel: "读数所指的通道不在日志中"
    case .unknownProfile: "通道所指的设备档案不在日志中"
    case .unknownRequest: "该请求不属于设备档案"
    case .missingFrames: "应答缺少部分帧"
    }
  }
}

extension DecodeProblem {
  /// The detail with its kind in Chinese; what follows that is technical, and stands as it is.
  var chineseDetail: String {
    guard let kind = DecodeProblemKind(rawValue: kind) else { return detail }
    let rest = detail.dropFirst(kind.english.count + 2)
    return rest.isEmpty ? kind.chinese : "\(kind.chinese)（\(rest)）"
  }
}
