import Testing

/// A number in a profile without its source cannot be checked by anybody.
@Suite struct ProfileTests {
  @Test func `every device profile names its sources`() {
    for profile in Repository.files(in: "Sources/Catalog/Profiles", extensions: ["yaml"]) {
      #expect(
        profile.lines.contains { $0.hasPrefix("sources:") || $0.hasPrefix("source:") },
        "\(profile.path) has no sources")
    }
  }
}
