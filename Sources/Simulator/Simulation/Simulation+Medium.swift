import HAL

// What a simulated gateway asks of its medium, and what stands there.
extension Simulation where Key: ~Copyable {
  /// Calls `body` with what the agent asks of its storage from now on, by epoch, before anything comes of it.
  public func onStorageCall(_ body: @escaping (UInt32, StorageCall) -> Void) { disk.called = body }

  /// What stands on the gateway's medium.
  public var objects: [(epoch: UInt32, object: StorageObject, bytes: [UInt8])] {
    var objects: [(epoch: UInt32, object: StorageObject, bytes: [UInt8])] = []
    disk.forEachObject { objects.append(($0, $1, $2)) }
    return objects
  }

  /// The same with every segment in its plain form, for readers that know nothing of `RunLengthCodec`.
  public var plainObjects: [(epoch: UInt32, object: StorageObject, bytes: [UInt8])] {
    var objects = objects.filter {
      switch $0.object {
      case .segment, .sealed: false
      case .superblock, .summary, .tile, .documents: true
      }
    }
    for epoch in disk.volumes.indices.map({ UInt32($0 + 1) }) {
      for (sequence, bytes) in disk.segments(epoch) {
        objects.append((epoch, .segment(sequence: sequence), bytes))
      }
    }
    return objects
  }
}
