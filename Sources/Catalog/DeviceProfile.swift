import MeterProtocols
import Metering

/// What a device model says on the line and how to read it: one YAML file for each model.
///
/// The language is described in `Profiles/README.md`; its version stands first in every file, so that a
/// profile that a log carries can still be read by later versions.
public struct DeviceProfile: Sendable {
  /// The file's name without `.yaml`.
  public var name: String
  /// Version of the profile language, 1.
  public var languageVersion: Int
  /// Who makes the device.
  public var vendor: String
  /// The model.
  public var model: String
  /// What the device is, for people.
  public var label: Label
  /// What it speaks.
  public var meterProtocol: MeterProtocol
  /// Milliseconds from the end of a request to the first byte of the reply, as a plan counts them.
  public var turnaroundMilliseconds: Int
  /// The documents that the numbers come from.
  public var sources: [ProfileSource]
  /// What can be asked.
  public var requests: [ProfileRequest]
  /// The file, verbatim, as it goes into the log.
  public var yaml: [UInt8]

  /// Most requests of one profile.
  public static var requestsMax: Int { 64 }
}

/// A document that numbers of a profile come from.
public struct ProfileSource: Sendable, Equatable {
  /// Short name that points cite.
  public var id: String
  /// Title, edition, page.
  public var document: String
  /// Where it was read.
  public var url: String?
}

/// One request and what its answer holds.
public struct ProfileRequest: Sendable {
  /// What is asked.
  public enum Query: Sendable, Equatable {
    /// A Modbus read: function code 1 to 4, address of the first register or bit as in the PDU, count.
    case modbus(function: UInt8, address: UInt16, count: UInt16)
    /// A DL/T 645-2007 read: the data identifier DI3 DI2 DI1 DI0, and how many data bytes follow it in
    /// the reply.
    case dlt645(identifier: UInt32, byteCount: Int)
  }

  /// Name in the profile.
  public var name: String
  /// What is asked.
  public var query: Query
  /// The values in the answer.
  public var points: [Point]
}

/// One value in an answer.
public struct Point: Sendable {
  /// What is measured.
  public var quantity: Quantity
  /// The quantity's unit, in which the rule gives the value.
  public var unit: MeasurementUnit
  /// Where the value stands and how it is read, before a device's transformer ratios
  /// (`ValueRule.withRatios`).
  public var rule: ValueRule
  /// The name, for people.
  public var label: Label
  /// Where the numbers come from.
  public var source: String
  /// `false` when the source leaves a doubt; `doubt` says which.
  public var verified: Bool
  /// What is doubtful.
  public var doubt: String?
}
