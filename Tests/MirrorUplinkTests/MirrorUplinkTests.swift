// MirrorUplinkTests
