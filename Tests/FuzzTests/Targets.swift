import Testing
import FuzzControl
import FuzzDLT645
import FuzzEntry
import FuzzJournal
import FuzzModbus
import FuzzNote
import FuzzProfile
import FuzzSealed
import FuzzSite

/// A fuzz target of the gateway's half, with what `swift test` gives it.
struct FuzzTarget: Sendable, CustomTestStringConvertible {
  let name: String
  let mutantCount: Int
  let fuzz: @Sendable (UnsafeRawBufferPointer) -> Void
  var testDescription: String { name }

  static let all = [
    FuzzTarget(name: "modbus", mutantCount: 1_500, fuzz: fuzzModbus),
    FuzzTarget(name: "dlt645", mutantCount: 1_500, fuzz: fuzzDLT645),
    FuzzTarget(name: "entry", mutantCount: 3_000, fuzz: fuzzEntry),
    FuzzTarget(name: "note", mutantCount: 2_000, fuzz: fuzzNote),
    FuzzTarget(name: "journal", mutantCount: 40, fuzz: fuzzJournal),
    FuzzTarget(name: "sealed", mutantCount: 150, fuzz: fuzzSealed),
    FuzzTarget(name: "control", mutantCount: 1_500, fuzz: fuzzControl),
    FuzzTarget(name: "site", mutantCount: 250, fuzz: fuzzSite),
    FuzzTarget(name: "profile", mutantCount: 150, fuzz: fuzzProfile),
  ]
}
