/// libyaml's words for what it cannot parse, as they are and in Chinese.
///
/// Source: libyaml 0.2.5, `scanner.c` and `parser.c`. What they say of types, anchors and directives stays
/// English: the reader refuses those before.
enum YAMLProblem {
  /// The problem in Chinese; libyaml's own words where the table has none.
  static func inChinese(_ problem: String) -> String {
    table.first { problem.hasPrefix($0.english) }?.chinese ?? problem
  }

  /// The longer of two that begin alike stands first.
  static let table: [(english: String, chinese: String)] = [
    ("could not find expected ':'", "缺少冒号“:”"),
    ("found unexpected ':'", "此处不应有冒号“:”"),
    ("mapping values are not allowed in this context", "此处不能再写“键: 值”"),
    ("mapping keys are not allowed in this context", "此处不能写键"),
    ("block sequence entries are not allowed in this context", "此处不能写列表项“-”"),
    ("did not find expected ',' or ']'", "缺少逗号“,”或右方括号“]”"),
    ("did not find expected ',' or '}'", "缺少逗号“,”或右花括号“}”"),
    ("did not find expected '-' indicator", "缺少列表项的“-”"),
    ("did not find expected key", "缺少键"),
    ("did not find expected node content", "缺少值"),
    ("did not find expected <document start>", "正文之前有多余内容"),
    ("did not find expected comment or line break", "此处只能是注释或换行"),
    ("did not find expected hexdecimal number", "转义之后缺少十六进制数字"),
    ("found character that cannot start any token", "值不能以该字符开头"),
    ("found unexpected end of stream", "文件到此意外结束，可能缺少引号"),
    ("found unexpected document indicator", "引号内出现“---”或“...”"),
    ("found unknown escape character", "双引号内有未知的转义字符"),
    ("found a tab character", "缩进中有制表符"),
    ("found an indentation indicator equal to 0", "缩进指示不能为 0"),
  ]
}
