// UplinkTests
