import Catalog
import Gateway
import Testing

/// Two modules that do not know each other have limits that must fit.
@Suite struct LimitsTests {
  @Test func `a channel of the log holds every request of a profile`() {
    #expect(DeviceProfile.requestsMax <= Limits.requestsPerChannelMax)
  }
}
