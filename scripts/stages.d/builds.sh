# Stages that build, lint and run the unit tests. scripts/stages reads this file.

format() { swift format lint --strict --parallel --recursive Sources Tests Package.swift; }
test_build() { swift build --build-tests; }
release_build() { scripts/build; }
unit_tests() {
  rm -f .build/test/unit*.xml
  swift test --skip-build --xunit-output .build/test/unit.xml ${1:+--filter "$1"}
}

# The traits change what is compiled, so each way of building has a folder of its own.
embedded_host() {
  TALLYSTICK_EDGE=1 swift build --configuration release --target "$1" --traits Embedded \
    --scratch-path .build/embedded-host
}
embedded_armv7em() {
  TALLYSTICK_EDGE=1 swift build --configuration release --target "$1" --traits Embedded \
    --scratch-path .build/embedded-armv7em --triple armv7em-none-none-eabi
}
