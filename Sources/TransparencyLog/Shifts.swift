import Metering

/// A shift distance as 64 bits: mixed-width shifts do not compile for 32-bit ARM (see Metering/Wide).
@inline(__always)
func wideShift(_ distance: Int) -> UInt64 { wide(count: distance) }

/// A byte as 64 bits.
@inline(__always)
func wide(_ byte: UInt8) -> UInt64 { wide(UInt32(truncatingIfNeeded: byte)) }

/// The lowest byte of a 64-bit value.
@inline(__always)
func low8(_ value: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: low32(value)) }
