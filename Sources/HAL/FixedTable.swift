/// A list of fixed capacity in memory that its owner provides at set-up.
///
/// Two verbs, as for every fixed-capacity container here: `append` traps when it is full (the caller
/// guaranteed room), `push` gives back `false`.
public struct FixedTable<Element: BitwiseCopyable>: ~Copyable {
  /// The memory. Its owner keeps it alive for as long as the table.
  public let memory: UnsafeMutableBufferPointer<Element>
  /// How many elements it holds.
  public private(set) var count = 0

  /// An empty table over `memory`.
  public init(_ memory: UnsafeMutableBufferPointer<Element>) { self.memory = memory }

  /// The most elements it can hold.
  public var capacity: Int { memory.count }
  /// No element is in it.
  public var isEmpty: Bool { count == 0 }
  /// No further element fits.
  public var isFull: Bool { count == memory.count }

  /// The element at `index`; traps out of bounds.
  public subscript(index: Int) -> Element {
    get {
      precondition(index >= 0 && index < count, "index out of range")
      return memory[index]
    }
    set {
      precondition(index >= 0 && index < count, "index out of range")
      memory[index] = newValue
    }
  }

  /// Adds an element; traps when full.
  public mutating func append(_ element: Element) {
    precondition(!isFull, "FixedTable capacity exceeded")
    memory[count] = element
    count &+= 1
  }

  /// Adds an element, or returns `false` when full.
  public mutating func push(_ element: Element) -> Bool {
    guard !isFull else { return false }
    memory[count] = element
    count &+= 1
    return true
  }
}
