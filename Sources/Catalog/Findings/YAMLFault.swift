/// Text that is no acceptable YAML.
public enum YAMLFault: Worded, Sendable, Equatable {
  /// libyaml refuses the text; its own words.
  case syntax(String)
  /// Punctuation of full width where YAML has its own.
  case fullWidth(Character, plain: Character)
  /// Bytes that are not UTF-8, or control characters.
  case notText(byteOffset: Int)
  /// More bytes than any sensible configuration has.
  case tooLarge(limit: Int)
  /// Nothing in it.
  case empty
  /// A tab.
  case tab
  /// `&name`.
  case anchor
  /// `*name`.
  case alias
  /// `!type`.
  case typeTag
  /// `---` a second time.
  case secondDocument
  /// The same key twice in one mapping.
  case duplicateKey(String, firstLine: Int)
  /// A list or a mapping as key.
  case keyNotText
  /// Nested too deep.
  case tooDeep(limit: Int)
  /// Too many values.
  case tooManyNodes(limit: Int)

  var english: Wording {
    switch self {
    case .syntax(let problem):
      Wording(
        "not YAML: \(problem)", "YAML with 'key: value' lines",
        "check indentation, colons and quotes on this line and the one before")
    case .fullWidth(let found, let plain):
      Wording(
        "not YAML: '\(found)' is a full-width character", "\(plain)",
        "type it with the input method off; quote it if it is part of a text")
    case .notText(let offset):
      Wording(
        "byte \(offset) is no UTF-8 text", "UTF-8 without control characters",
        "save the file as UTF-8 without BOM")
    case .tooLarge(let limit):
      Wording(
        "the file has more than \(limit) bytes", "at most \(limit) bytes",
        "check that this is the right file")
    case .empty: Wording("the file is empty", "keys with values", "start from an example file")
    case .tab: Wording("a tab", "spaces only", "replace each tab by spaces")
    case .anchor:
      Wording("an anchor (&)", "plain values", "write the value out; quote it if '&' is part of it")
    case .alias:
      Wording("an alias (*)", "plain values", "write the value out; quote it if '*' is part of it")
    case .typeTag:
      Wording("a YAML type (!)", "plain values", "remove it; quote the value if '!' is part of it")
    case .secondDocument:
      Wording("a second document", "one document a file", "remove everything from this '---' on")
    case .duplicateKey(let key, let line):
      Wording(
        "key '\(key)' stands here a second time", "each key once (first on line \(line))",
        "remove one of the two")
    case .keyNotText: Wording("a key that is no text", "a word as key", "check the indentation")
    case .tooDeep(let limit):
      Wording("nested too deep", "at most \(limit) levels", "check the indentation")
    case .tooManyNodes(let limit):
      Wording("too many values", "at most \(limit)", "check that this is the right file")
    }
  }

  var chinese: Wording {
    switch self {
    case .syntax(let problem):
      Wording(
        "不是合法的 YAML：\(YAMLProblem.inChinese(problem))", "“键: 值”形式的 YAML",
        "检查本行及上一行的缩进、冒号和引号")
    case .fullWidth(let found, let plain):
      Wording(
        "不是合法的 YAML：“\(found)”是全角字符", "\(plain)", "切换到英文标点重新输入；若它是文字的一部分，请加引号")
    case .notText(let offset):
      Wording("第 \(offset) 字节不是 UTF-8 文本", "不含控制字符的 UTF-8 文本", "将文件另存为无 BOM 的 UTF-8")
    case .tooLarge(let limit):
      Wording("文件超过 \(limit) 字节", "不超过 \(limit) 字节", "确认文件是否选对")
    case .empty: Wording("文件为空", "带值的键", "从示例文件开始编写")
    case .tab: Wording("出现制表符", "只用空格", "把制表符改为空格")
    case .anchor: Wording("出现锚点（&）", "普通值", "直接写出该值；若“&”是值的一部分，请加引号")
    case .alias: Wording("出现别名（*）", "普通值", "直接写出该值；若“*”是值的一部分，请加引号")
    case .typeTag: Wording("出现 YAML 类型（!）", "普通值", "删除它；若“!”是值的一部分，请加引号")
    case .secondDocument: Wording("出现第二个文档", "每个文件一个文档", "删除此“---”之后的内容")
    case .duplicateKey(let key, let line):
      Wording("键“\(key)”重复", "每个键只出现一次（首次在第 \(line) 行）", "删除其中一个")
    case .keyNotText: Wording("键不是文本", "以词语作键", "检查缩进")
    case .tooDeep(let limit): Wording("嵌套过深", "最多 \(limit) 层", "检查缩进")
    case .tooManyNodes(let limit): Wording("值过多", "最多 \(limit) 个", "确认文件是否选对")
    }
  }
}
