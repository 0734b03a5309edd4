// HostHALTests
