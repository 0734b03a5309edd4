// MeterProtocolsTests
