import CLinux
import HAL

/// The identity of a USB serial adapter, as `board.yaml` names it: `VID:PID:SERIAL`.
public struct USBIdentity: Equatable, Sendable {
  /// Vendor, as lsusb shows it.
  public var vendor: UInt16
  /// Product.
  public var product: UInt16
  /// Serial number; "" when the adapter has none.
  public var serial: String

  /// Makes an identity.
  public init(vendor: UInt16, product: UInt16, serial: String) {
    self.vendor = vendor
    self.product = product
    self.serial = serial
  }

  /// Reads `VID:PID:SERIAL`, or `VID:PID:` and `VID:PID` for an adapter without serial number; VID and
  /// PID are four hexadecimal digits. The serial number may contain colons.
  public init?(_ text: String) {
    let parts = text.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count >= 2, parts[0].utf8.count == 4, parts[1].utf8.count == 4,
      let vendor = UInt16(parts[0], radix: 16), let product = UInt16(parts[1], radix: 16),
      parts[0].first != "+", parts[1].first != "+"
    else { return nil }
    self.init(
      vendor: vendor, product: product, serial: parts.count == 3 ? String(parts[2]) : "")
  }

  /// `VID:PID:SERIAL`.
  public var text: String {
    func hex(_ value: UInt16) -> String {
      let digits = String(value, radix: 16)
      return String(repeating: "0", count: 4 - digits.count) + digits
    }
    return "\(hex(vendor)):\(hex(product)):\(serial)"
  }
}

/// Why a serial port could not be opened. Each wording says what to do.
public enum SerialError: Error, Equatable, Sendable {
  /// There is no such device, or it was unplugged.
  case missing(path: String)
  /// The user may not open the device.
  case notPermitted(path: String)
  /// Another program has the port.
  case busy(path: String)
  /// The path names something that is no serial port.
  case notASerialPort(path: String)
  /// The driver does not take these settings.
  case refused(path: String, configuration: UARTConfiguration)
  /// No adapter of that identity is plugged in.
  case usbMissing(USBIdentity)
  /// Several adapters have that identity: their serial numbers are equal or empty.
  case usbAmbiguous(USBIdentity, paths: [String])
  /// Anything else, with the errno of the operating system.
  case system(path: String, errno: Int32)

  init(_ errno: Int32, _ path: String) {
    switch errno {
    case clinux_error_not_found(), clinux_error_no_device(), clinux_error_io():
      self = .missing(path: path)
    case clinux_error_not_permitted(): self = .notPermitted(path: path)
    case clinux_error_busy(), clinux_error_again(): self = .busy(path: path)
    case clinux_error_not_a_terminal(), clinux_error_is_directory(),
      clinux_error_not_a_directory():
      self = .notASerialPort(path: path)
    default: self = .system(path: path, errno: errno)
    }
  }

  /// What happened and what to do.
  public var english: String {
    switch self {
    case .missing(let path):
      "\(path) is not there: plug the adapter in, or correct the device in board.yaml"
    case .notPermitted(let path):
      "this user may not open \(path): add the user to group dialout (usermod -aG dialout USER) "
        + "and log in again"
    case .busy(let path):
      "\(path) is in use by another program: stop that one first (fuser \(path) names it)"
    case .notASerialPort(let path):
      "\(path) is not a serial port: correct the device in board.yaml"
    case .refused(let path, let c):
      "\(path) does not take \(c.shortText): choose settings that its driver supports"
    case .usbMissing(let identity):
      "no USB serial adapter \(identity.text) is plugged in: plug it in, or correct board.yaml"
    case .usbAmbiguous(let identity, let paths):
      "USB identity \(identity.text) fits \(paths.joined(separator: ", ")): "
        + "name the port by its path under /dev/serial/by-path"
    case .system(let path, let errno): "cannot open \(path): \(systemErrorText(errno))"
    }
  }

  /// 发生了什么，应当怎么办。
  public var chinese: String {
    switch self {
    case .missing(let path): "找不到串口 \(path)：请插好转换器，或更正 board.yaml 中的设备"
    case .notPermitted(let path):
      "当前用户无权打开 \(path)：请将用户加入 dialout 组（usermod -aG dialout 用户名）后重新登录"
    case .busy(let path): "\(path) 正被其他程序占用：请先停止该程序（可用 fuser \(path) 查看）"
    case .notASerialPort(let path): "\(path) 不是串口：请更正 board.yaml 中的设备"
    case .refused(let path, let c): "\(path) 不接受 \(c.shortText)：请选择驱动支持的参数"
    case .usbMissing(let identity):
      "未插入 USB 串口转换器 \(identity.text)：请插入，或更正 board.yaml"
    case .usbAmbiguous(let identity, let paths):
      "USB 标识 \(identity.text) 对应多个串口 \(paths.joined(separator: "、"))："
        + "请改用 /dev/serial/by-path 下的路径"
    case .system(let path, let errno): "无法打开 \(path)：\(systemErrorText(errno))"
    }
  }
}

/// What an open port lacks of what was asked, without being unusable.
public struct SerialWarnings: Equatable, Sendable {
  /// The driver silently dropped parity or 7 data bits (pseudo-terminals carry whole bytes only).
  public var formatDropped = false
  /// The driver cannot drive RS-485 direction: the adapter must do it by itself.
  public var rs485Missing = false

  /// Nothing lacks.
  public init() {}
}
