# Stages that build, lint and run the unit tests. scripts/stages reads this file.

format() { swift format lint --strict --parallel --recursive Sources Tests Package.swift; }
test_build() { swift build --build-tests; }
release_build() { scripts/build; }
unit_tests() {
  rm -f .build/test/unit*.xml
  swift test --skip-build --xunit-output .build/test/unit.xml ${1:+--filter "$1"}
}

# What is shipped, by the tests that look at it.
release_binary() {
  TALLYSTICK_AGENT=$PWD/.build/release/tallyd swift test --skip-build --filter TidyTests.BinaryTests
}

debian_swift() { scripts/debian-swift; }
