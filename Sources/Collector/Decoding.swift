/// Turns cosigned entries into readings, behind the acknowledgement and never in its way.
public actor Decoding {
  /// Decodes what `collector` stores.
  public init(_ collector: Collector) {}
  /// Decodes everything that is cosigned and not decoded yet, of all logs.
  public func catchUp() async {}
}
