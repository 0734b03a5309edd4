// On 32-bit ARM the checker behind `-no-allocations` (Swift 6.3.1) rejects widening conversions such
// as `UInt64(aUInt32)` and `aUInt64 >> n`, although they compile to two instructions. These four
// functions say the same thing in a form that it accepts, on every target (all little-endian).

/// Widens without the generic conversion that Embedded Swift rejects on 32-bit ARM.
@inlinable @inline(__always)
public func wide(_ value: UInt32) -> UInt64 {
  unsafeBitCast((value, 0 as UInt32), to: UInt64.self)
}

/// Widens with the sign, likewise.
@inlinable @inline(__always)
public func wide(_ value: Int32) -> Int64 {
  unsafeBitCast((UInt32(bitPattern: value), value < 0 ? UInt32.max : 0), to: Int64.self)
}

/// The lower half of a 64-bit value.
@inlinable @inline(__always)
public func low32(_ value: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: value) }

/// The upper half of a 64-bit value.
@inlinable @inline(__always)
public func high32(_ value: UInt64) -> UInt32 {
  UInt32(truncatingIfNeeded: value &>> (32 as UInt64))
}

/// A count or an offset (never negative) as 64 bits.
@inlinable @inline(__always)
public func wide(count: Int) -> UInt64 {
  #if _pointerBitWidth(_64)
    UInt64(truncatingIfNeeded: count)
  #else
    wide(UInt32(truncatingIfNeeded: count))
  #endif
}

/// A 64-bit value that the caller knows to fit, as `Int`.
@inlinable @inline(__always)
public func narrow(_ value: UInt64) -> Int { Int(truncatingIfNeeded: value) }
