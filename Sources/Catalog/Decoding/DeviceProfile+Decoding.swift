import MeterProtocols
import Metering

extension DeviceProfile {
  /// Reads a profile, from a file or from the body of a log's config entry.
  ///
  /// - Parameters:
  ///   - yaml: the file, verbatim.
  ///   - file: its name or path; the profile's name is the last part without `.yaml`.
  public static func parse(yaml: [UInt8], file: String) -> Result<DeviceProfile, Findings> {
    let (profile, findings) = check(yaml: yaml, file: file)
    guard let profile else { return .failure(Findings(list: findings)) }
    return .success(profile)
  }

  /// Reads a profile and tells everything that is wrong with it.
  public static func check(
    yaml: [UInt8], file: String
  ) -> (profile: DeviceProfile?, findings: [Finding]) {
    let (root, findings) = YAMLReader.read(yaml, file: file)
    guard let root else { return (nil, findings) }
    var decoding = ProfileDecoding(base: Decoding(file: file, findings: findings))
    let profile = decoding.profile(root, name: profileName(file), yaml: yaml)
    return (decoding.base.isUsable ? profile : nil, decoding.base.sorted)
  }

  private static func profileName(_ file: String) -> String {
    let name = file.split(separator: "/").last.map(String.init) ?? file
    return name.hasSuffix(".yaml") ? String(name.dropLast(5)) : name
  }
}

/// What a profile says differently for each protocol.
extension MeterProtocol {
  /// Its name in a profile.
  var key: String {
    switch self {
    case .modbusRTU: "modbus-rtu"
    case .dlt645: "dlt645-2007"
    }
  }

  /// `turnaround_ms` of a profile that does not say.
  fileprivate var turnaroundDefault: Int {
    switch self {
    case .modbusRTU: 20
    case .dlt645: 100
    }
  }

  /// What people call a protocol whose values have one order of bytes; `nil` where a profile gives it.
  fileprivate var titleWithoutWordOrder: String? {
    switch self {
    case .modbusRTU: nil
    case .dlt645: "DL/T 645"
    }
  }

  /// The keys by which a request says what it asks for.
  fileprivate var queryKeys: [String] {
    switch self {
    case .modbusRTU: ["function", "address", "count"]
    case .dlt645: ["identifier", "bytes"]
    }
  }
}

/// Decodes one profile.
struct ProfileDecoding {
  var base: Decoding
  private var sources: [ProfileSource] = []
  private var kind = MeterProtocol.modbusRTU
  private(set) var wordOrder: WordOrder?
  /// Where the profile begins.
  private(set) var head = YAMLPlace.start
  /// That there is no word order was told.
  var lacksWordOrder = false

  init(base: Decoding) { self.base = base }

  /// The keys of a profile.
  private static let keys = [
    "profile", "vendor", "model", "label", "protocol", "turnaround_ms", "word_order", "sources",
    "requests",
  ]
  static let wordOrders: [(String, WordOrder)] = [
    ("ABCD", .abcd), ("CDAB", .cdab), ("BADC", .badc), ("DCBA", .dcba),
  ]

  mutating func profile(_ root: YAMLNode, name: String, yaml: [UInt8]) -> DeviceProfile? {
    guard let fields = base.fields(root, key: "profile", section: .profile, known: Self.keys) else {
      return nil
    }
    head = root.place
    base.version("profile", fields)
    let vendor = base.text("vendor", fields)
    let model = base.text("model", fields)
    let label = base.label("label", fields)
    guard let node = base.required("protocol", fields),
      let kind = base.choice(
        node, key: "protocol",
        among: MeterProtocol.allCases.map { ($0.key, $0) })
    else { return nil }
    self.kind = kind
    let turnaround = base.integer(
      "turnaround_ms", fields, in: 1...5000, unit: .milliseconds, default: kind.turnaroundDefault)
    wordOrder = order(fields)
    sources = base.list("sources", fields, limit: 32).compactMap { source($0) }
    var requests: [ProfileRequest] = []
    var names: [String: Int] = [:]
    for node in base.list("requests", fields, limit: DeviceProfile.requestsMax) {
      guard let request = request(node) else { continue }
      if let first = names.updateValue(node.place.line, forKey: request.name) {
        base.note(.repeated(key: "name", value: request.name, firstLine: first), at: node.place)
      }
      requests.append(request)
    }
    guard let vendor, let model, let label else { return nil }
    return DeviceProfile(
      name: name, languageVersion: 1, vendor: vendor, model: model, label: label,
      meterProtocol: kind, turnaroundMilliseconds: turnaround, sources: sources,
      requests: requests, yaml: yaml)
  }

  private mutating func order(_ fields: Fields) -> WordOrder? {
    guard let node = fields.node["word_order"] else { return nil }
    if let title = kind.titleWithoutWordOrder {
      base.note(.keyNotUsed("word_order", with: title), at: fields.place(of: "word_order"))
      return nil
    }
    // After a misspelt order any will do: that points lack one would be the same mistake again.
    return base.choice(node, key: "word_order", among: Self.wordOrders, guesses: false) ?? .abcd
  }

  private mutating func source(_ node: YAMLNode) -> ProfileSource? {
    let keys = ["id", "document", "url"]
    guard let fields = base.fields(node, key: "sources", section: .source, known: keys) else {
      return nil
    }
    let id = base.text("id", fields, rule: .name)
    let document = base.text("document", fields, rule: .line(limit: 400))
    let url = base.optionalText("url", fields, rule: .line(limit: 400))
    guard let id, let document else { return nil }
    return ProfileSource(id: id, document: document, url: url)
  }

  private mutating func request(_ node: YAMLNode) -> ProfileRequest? {
    let keys = ["name"] + kind.queryKeys + ["source", "points"]
    guard let fields = base.fields(node, key: "requests", section: .request, known: keys) else {
      return nil
    }
    let name = base.text("name", fields, rule: .name)
    let cited = base.optionalText("source", fields, rule: .line(limit: 400))
    if let cited { check(source: cited, at: fields.place(of: "source")) }
    guard let query = query(fields) else { return nil }
    var points: [Point] = []
    var end = 0
    var lines: [Quantity: Int] = [:]
    for node in base.list("points", fields, limit: 128) {
      guard let (point, pointEnd) = point(node, query: query, inherited: cited) else { continue }
      // The entry and the quantity name a reading (`ReadingStore`), so one of the two would be lost.
      if let first = lines.updateValue(node.place.line, forKey: point.quantity) {
        let key = point.quantity.key.description
        base.note(.quantityTwice(key, firstLine: first), at: node["quantity"]?.place ?? node.place)
      }
      points.append(point)
      end = max(end, pointEnd)
    }
    guard let name else { return nil }
    if case .dlt645(let identifier, 0) = query {
      // Unless the file says how long the answer is, the last value ends it.
      return ProfileRequest(
        name: name, query: .dlt645(identifier: identifier, byteCount: end), points: points)
    }
    return ProfileRequest(name: name, query: query, points: points)
  }

  private mutating func query(_ fields: Fields) -> ProfileRequest.Query? {
    switch kind {
    case .modbusRTU: modbusQuery(fields)
    case .dlt645: identifierQuery(fields)
    }
  }

  /// Modbus application protocol V1.1b3: 1 to 2000 bits (6.1, 6.2), 1 to 125 registers (6.3, 6.4).
  private mutating func modbusQuery(_ fields: Fields) -> ProfileRequest.Query? {
    let function = base.integer("function", fields, in: 1...4)
    let address = base.integer("address", fields, in: 0...65_535)
    let limit: Int64 = (function ?? 3) <= 2 ? 2000 : 125
    let count = base.integer("count", fields, in: 1...limit)
    guard let function, let address, let count else { return nil }
    if address + count > 65_536 {
      base.note(
        .pastLastAddress(end: address + count, count: 65_536), at: fields.place(of: "count"))
      return nil
    }
    return .modbus(function: UInt8(function), address: UInt16(address), count: UInt16(count))
  }

  /// DL/T 645-2007, 7.1: the identifier's four bytes; a reply carries at most 200 bytes after it.
  private mutating func identifierQuery(_ fields: Fields) -> ProfileRequest.Query? {
    let count = base.integer("bytes", fields, in: 1...196, default: 0)
    guard let node = base.required("identifier", fields),
      let text = base.text(node, key: "identifier")
    else { return nil }
    guard text.utf8.count == 8, let bytes = hexBytes(text) else {
      base.note(
        .notHex(key: "identifier", found: excerpt(text), digitCount: 8), at: node.place)
      return nil
    }
    let identifier = bytes.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    return .dlt645(identifier: identifier, byteCount: count)
  }

  /// A citation begins with the id of a source; page, line or table follow it.
  private mutating func check(source: String, at place: YAMLPlace) {
    let id = source.split { $0 == " " || $0 == "," }.first.map(String.init) ?? source
    if !sources.contains(where: { $0.id == id }) {
      base.note(.noSource(found: excerpt(id), known: sources.map(\.id)), at: place)
    }
  }
}

extension ProfileDecoding {
  private static let pointKeys = [
    "quantity", "label", "type", "offset", "bit", "word_order", "scale", "unit", "not_available",
    "bytes", "decimals", "signed", "ratio", "source", "verified", "doubt",
  ]
  private static let quantities: [(String, Quantity)] = Quantity.allCases.map {
    ($0.key.description, $0)
  }

  /// A point, and where it ends in the answer: in registers, bits or bytes.
  private mutating func point(
    _ node: YAMLNode, query: ProfileRequest.Query, inherited: String?
  ) -> (Point, end: Int)? {
    guard
      let fields = base.fields(node, key: "points", section: .point, known: Self.pointKeys)
    else { return nil }
    var quantity: Quantity?
    if let node = base.required("quantity", fields) {
      quantity = base.choice(node, key: "quantity", among: Self.quantities)
    }
    let label = base.label("label", fields)
    let unit = self.unitFactor(fields, quantity: quantity)
    let rule = self.rule(fields, query: query, unitFactor: unit ?? .one)
    let source = self.source(fields, inherited: inherited)
    let verified = base.flag("verified", fields, default: true)
    let doubt = base.optionalText("doubt", fields, rule: .line(limit: 400))
    if !verified, doubt == nil { base.note(.doubtMissing, at: fields.place(of: "verified")) }
    guard let quantity, let label, unit != nil, let rule, let source else { return nil }
    return (
      Point(
        quantity: quantity, unit: quantity.unit, rule: rule.rule, label: label,
        source: source, verified: verified, doubt: doubt), rule.end
    )
  }

  /// What turns the unit of the device into the unit of the quantity.
  private mutating func unitFactor(_ fields: Fields, quantity: Quantity?) -> Ratio? {
    guard let quantity else {
      _ = base.required("unit", fields)
      return nil
    }
    let key = quantity.key.description
    let isGiven = fields.node["unit"].map { !$0.isEmpty } ?? fields.misspelt.contains("unit")
    if !isGiven {
      base.note(
        .unitMissing(quantity: key, unit: quantity.unit.ucum.description), at: fields.node.place)
      return nil
    }
    guard let node = base.required("unit", fields), let text = base.text(node, key: "unit") else {
      return nil
    }
    guard let unit = MeasurementUnit(ucum: text) else {
      let fitting = quantity.unit.convertible
      base.note(
        .notOneOf(
          key: "unit", found: excerpt(text), allowed: fitting.map(\.ucum.description),
          nearest: fitting.first { $0.isMeant(by: text) }?.ucum.description), at: node.place)
      return nil
    }
    if let factor = unit.ratio(to: quantity.unit) { return factor }
    base.note(
      .unit(
        quantity: key, found: unit.ucum.description, expected: quantity.unit.ucum.description),
      at: node.place)
    return nil
  }

  mutating func ratio(_ fields: Fields) -> TransformerRatio {
    guard let node = fields.node["ratio"] else { return .none }
    return base.choice(
      node, key: "ratio",
      among: [
        ("none", TransformerRatio.none), ("current", .current), ("voltage", .voltage),
        ("power", .power),
      ]) ?? .none
  }

  private mutating func source(_ fields: Fields, inherited: String?) -> String? {
    guard let text = base.optionalText("source", fields, rule: .line(limit: 400)) else {
      if inherited == nil {
        base.note(
          .noSource(found: nil, known: sources.map(\.id)), at: fields.node.place)
      }
      return inherited
    }
    check(source: text, at: fields.place(of: "source"))
    return text
  }
}
