extension Decoding {
  /// Most seconds of a time that a site declares, 100 years.
  private static var durationMax: Int { 36_500 * 86_400 }

  /// How the log leaves where nothing may call out (`uplink`).
  mutating func packages(_ site: Fields) -> PackageSettings? {
    guard let node = site.node["uplink"],
      let fields = fields(
        node, key: "uplink", section: .uplink, known: ["directory", "every", "retention"])
    else { return nil }
    var directory = text("directory", fields)
    if let found = directory, !found.hasPrefix("/") {
      note(.directory(excerpt(found)), at: fields.node["directory"]?.place ?? node.place)
      directory = nil
    }
    let every = duration("every", fields, in: 1...7 * 86_400)
    let retention = duration("retention", fields, in: 86_400...Self.durationMax)
    guard let directory, let every, let retention else { return nil }
    return PackageSettings(
      directory: directory, everySeconds: every, retentionSeconds: retention)
  }

  /// Notes a retention for which the quota has no room, if nothing is acknowledged. Sealed segments take less than what
  /// is counted here; how much nobody knows before.
  mutating func checkRetention(of site: Site) {
    guard let seconds = site.packages?.retentionSeconds,
      seconds * 10 > site.offlineTenths * 86_400
    else { return }
    note(
      .retentionBeyondQuota(
        seconds: seconds, quota: site.board.storage.quotaMebibytes, tenths: site.offlineTenths,
        enough: site.quotaMebibytes(forSeconds: seconds)),
      at: site.place(of: .uplinkRetention))
  }

  /// A required time in seconds: a whole number with s, m, h or d.
  private mutating func duration(
    _ key: String, _ fields: Fields, in range: ClosedRange<Int>
  ) -> Int? {
    guard let node = required(key, fields), let text = scalar(node, key: key) else { return nil }
    let units: [Character: Int] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
    let number = wholeNumber(String(text.dropLast()))
    guard let unit = text.last.flatMap({ units[$0] }), let number, number > 0,
      number <= Int64(Self.durationMax), range.contains(Int(number) * unit)
    else {
      note(
        .duration(
          key: key, found: excerpt(text), lower: range.lowerBound, upper: range.upperBound),
        at: node.place)
      return nil
    }
    return Int(number) * unit
  }
}
