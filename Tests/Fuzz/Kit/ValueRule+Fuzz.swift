import HAL
import MeterProtocols
import Metering

extension FuzzInput {
  /// A rule for reading a value: eight bytes, any layout, mostly within a frame.
  public mutating func valueRule() -> ValueRule {
    let kind = byte()
    let place = byte()
    let size = byte()
    let order = WordOrder(rawValue: 1 + size >> 6) ?? .abcd
    let layout: ValueLayout =
      switch kind & 7 {
      case 0, 1, 2:
        .modbus(
          register: UInt16(place), type: RegisterType(rawValue: 1 + size & 7) ?? .uint16,
          order: order)
      case 3: .registerBits(register: UInt16(place), first: size & 31, count: size >> 3)
      case 4: .bit(index: UInt16(place) << 3 | UInt16(size))
      case 5: .registerBCD(register: UInt16(place), byteCount: size & 15)
      default: .bcd(offset: place, byteCount: size & 15, signed: size & 16 != 0)
      }
    let top = Int64(Int8(bitPattern: byte()))
    let bottom = 1 + Int64(byte())
    let scale = Ratio(top == -128 ? Int64.min : top == 127 ? Int64.max : top, bottom)
    let exponent = Int8(bitPattern: byte())
    let pattern: NotAvailablePattern? =
      switch kind >> 3 & 7 {
      case 1: .allOnes
      case 2: .highestSigned
      case 3: .lowestSigned
      case 4: .bits(UInt64(word()))
      default: nil
      }
    return ValueRule(
      layout: layout, scale: scale, exponent: kind >> 6 == 3 ? exponent : exponent % 4,
      notAvailable: pattern)
  }
}

/// A value is a number that can be written and read again without loss, and never NaN.
public func checkValue(_ result: Result<Decimal, NoData>) {
  guard case .success(let value) = result else { return }
  let text = DecimalText(value)
  let read = Decimal(text: text.bytes.span.extracting(0..<text.count))
  mustHold(read?.canonical == value.canonical, "the text of a value is read as the same value")
}
