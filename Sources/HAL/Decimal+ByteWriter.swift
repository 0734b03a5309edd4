import Metering

extension Decimal {
  /// Writes the decimal's text, such as "230.6" or "-0.05" (`DecimalText` has the grammar).
  public func write(into writer: inout ByteWriter) {
    let text = DecimalText(self)
    let bytes = text.bytes.span
    writer.append(bytes.extracting(0..<text.count))
  }
}
