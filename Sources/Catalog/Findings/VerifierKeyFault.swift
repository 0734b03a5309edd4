import TransparencyLog

/// What is wrong with a verifier key. The words say which type was expected.
public enum VerifierKeyFault: Error, Sendable, Equatable {
  /// Not `name+8 hex digits+base64`.
  case parts
  /// The name is empty or has a blank or a plus sign.
  case name
  /// Not 8 lower-case hex digits.
  case keyID
  /// Not canonical base64 of a type byte and 32 bytes of key.
  case key
  /// Another type than the one expected.
  case type(UInt8)
  /// The key ID is not the hash of the name and the key.
  case hash

  /// What is wrong.
  public func english(_ expected: KeyType) -> String {
    switch self {
    case .parts: "it has not three parts joined by '+'"
    case .name: "the name is empty or has a blank or a control character"
    case .keyID: "the second part is not 8 lower-case hex digits"
    case .key: "the third part is not base64 of 33 bytes"
    case .type(let type):
      switch expected {
      case .log: "its type is \(type), a log's is 1"
      case .cosigner: "its type is \(type), a mirror's is 4"
      }
    case .hash: "the second part does not belong to name and key"
    }
  }

  /// 有何不符。
  public func chinese(_ expected: KeyType) -> String {
    switch self {
    case .parts: "不是以“+”连接的三部分"
    case .name: "名称为空或含有空格、控制字符"
    case .keyID: "第二部分不是 8 位小写十六进制"
    case .key: "第三部分不是 33 字节的 base64"
    case .type(let type):
      switch expected {
      case .log: "类型为 \(type)，日志应为 1"
      case .cosigner: "类型为 \(type)，镜像应为 4"
      }
    case .hash: "第二部分与名称和公钥不符"
    }
  }

  /// What to do.
  public func advice(_ expected: KeyType) -> String {
    switch (self, expected) {
    case (.type, .cosigner):
      "this may be the gateway's own key: take the line that 'tally-collector init' prints"
    case (.type, .log):
      "this may be a mirror's key: take the line that 'tally keys show' prints on the gateway"
    case (_, .cosigner): "copy the whole line that 'tally-collector init' prints"
    case (_, .log): "copy the whole line that 'tally keys show' prints on the gateway"
    }
  }

  /// 应当怎么办。
  public func chineseAdvice(_ expected: KeyType) -> String {
    switch (self, expected) {
    case (.type, .cosigner): "这可能是网关自己的公钥：请用“tally-collector init”打印的那一行"
    case (.type, .log): "这可能是镜像的公钥：请用网关上“tally keys show”打印的那一行"
    case (_, .cosigner): "完整复制“tally-collector init”打印的那一行"
    case (_, .log): "完整复制网关上“tally keys show”打印的那一行"
    }
  }
}
