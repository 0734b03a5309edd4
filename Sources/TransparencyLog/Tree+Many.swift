#if !hasFeature(Embedded)
  import CSHA256
#endif

// Many hashes at once. They are the same as one by one, and on a host computed side by side in vector
// registers; Embedded Swift, which has no host, computes them one by one.
extension Tree {
  /// The hash of each entry of a bundle, in its order. `false`, and nothing is computed, unless the bundle
  /// holds exactly as many entries as `leaves` takes.
  public static func leaves(
    ofBundle bundle: Span<UInt8>, into leaves: UnsafeMutableBufferPointer<Digest>
  ) -> Bool {
    guard EntryBundle.count(bundle) == leaves.count else { return false }
    #if !hasFeature(Embedded)
      if leaves.count > 1, let target = UnsafeMutableRawPointer(leaves.baseAddress) {
        bundle.withUnsafeBufferPointer {
          csha256_leaves(
            $0.baseAddress, leaves.count, target.assumingMemoryBound(to: UInt8.self))
        }
        return true
      }
    #endif
    var entries = EntryBundle(bundle)
    var i = 0
    while i < leaves.count, let entry = try? entries.next() {
      leaves[i] = leaf(bundle.extracting(entry))
      i &+= 1
    }
    return true
  }

  /// The hash over each pair of digests: node i is over digests 2 i and 2 i + 1. There are twice as many digests
  /// as nodes, and they stand in other memory.
  public static func nodes(
    over pairs: UnsafeBufferPointer<Digest>, into nodes: UnsafeMutableBufferPointer<Digest>
  ) {
    precondition(pairs.count == 2 &* nodes.count, "two digests make a node")
    #if !hasFeature(Embedded)
      if nodes.count > 1, let source = UnsafeRawPointer(pairs.baseAddress),
        let target = UnsafeMutableRawPointer(nodes.baseAddress)
      {
        return csha256_nodes(
          source.assumingMemoryBound(to: UInt8.self), nodes.count,
          target.assumingMemoryBound(to: UInt8.self))
      }
    #endif
    var i = 0
    while i < nodes.count {
      nodes[i] = node(pairs[2 &* i], pairs[2 &* i &+ 1])
      i &+= 1
    }
  }
}

#if !hasFeature(Embedded)
  extension Tree {
    /// The same as an array; `nil` if the bundle does not hold exactly `count` entries.
    public static func leaves(ofBundle bundle: Span<UInt8>, count: Int) -> [Digest]? {
      var isWhole = false
      let leaves = [Digest](unsafeUninitializedCapacity: count) { memory, used in
        memory.initialize(repeating: .zero)
        isWhole = Tree.leaves(ofBundle: bundle, into: memory)
        used = count
      }
      return isWhole ? leaves : nil
    }

    /// Adds to `nodes` the hash over each pair of `pairs`.
    public static func append(nodesOver pairs: ArraySlice<Digest>, to nodes: inout [Digest]) {
      let count = pairs.count / 2
      nodes += [Digest](unsafeUninitializedCapacity: count) { memory, used in
        memory.initialize(repeating: .zero)
        pairs.withUnsafeBufferPointer { Tree.nodes(over: $0, into: memory) }
        used = count
      }
    }
  }
#endif
