extension LogSettings {
  /// The longest commit interval in milliseconds.
  static var commitMax: Int { 60_000 }
  /// The shortest one that follows from the years, in milliseconds: a medium that bears more is not worn for less.
  static var followedCommitMin: Int { 1_000 }
}

extension Decoding {
  /// The commit interval that follows from the years for which the medium must last, or whether it lasts them with the
  /// one that is stated.
  mutating func settleCommit(of site: inout Site, at place: YAMLPlace) {
    guard let years = site.log.years else { return }
    guard let endurance = site.endurance else {
      note(.enduranceUnknown(years: years, board: site.board.name), at: place)
      return
    }
    let wear = site.wear
    let longest = min(LogSettings.commitMax, site.log.checkpointMilliseconds)
    let shortest = wear.shortestCommit(
      years: years, endurance: endurance.byteCount, longest: longest)
    func tenths(_ milliseconds: Int) -> Int {
      wear.tenthsOfYears(
        endurance: endurance.byteCount,
        bytesPerDay: wear.day(commitEvery: milliseconds).total) ?? .max
    }
    guard let shortest else {
      note(
        .neverLasts(years: years, endurance, longest: longest, tenths: tenths(longest)), at: place)
      return
    }
    if !site.log.isCommitStated {
      site.log.commitMilliseconds = max(shortest, min(LogSettings.followedCommitMin, longest))
    } else if site.log.commitMilliseconds < shortest {
      let stated = site.log.commitMilliseconds
      note(
        .wearsOut(
          years: years, endurance, commit: stated, tenths: tenths(stated), enough: shortest),
        at: site.place(of: .logCommit))
    }
  }
}
