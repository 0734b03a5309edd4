// MeteringTests
