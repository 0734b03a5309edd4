import Catalog
import Gateway
import Testing

/// Two modules that do not know each other have limits that must fit.
@Suite struct LimitsTests {
  @Test func `what a site may have, the agent can hold`() {
    #expect(Site.linesMax == Limits.linesMax)
    #expect(DeviceProfile.requestsMax <= Limits.requestsPerChannelMax)
  }
}
