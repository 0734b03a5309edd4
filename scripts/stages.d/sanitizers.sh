# Stages that run the unit tests of the edge with a sanitizer. scripts/stages reads this file.
# A sanitizer is `address` (with its leak detector) or `thread`; each has a folder, .build/asan or .build/tsan.

sanitizer_build() {
  TALLYSTICK_EDGE=1 swift build --build-tests --sanitize "$1" \
    --scratch-path ".build/${1:0:1}san"
}

# What is suppressed stands in Tests/sanitizers with its reason. Tests that count allocations skip
# themselves, because a sanitizer has the allocator. BinaryTests look at what is shipped.
sanitizer_tests() {
  local lists=$PWD/Tests/sanitizers
  rm -f .build/test/unit*.xml
  TALLYSTICK_EDGE=1 ASAN_OPTIONS=detect_leaks=1 LSAN_OPTIONS="suppressions=$lists/leaks.txt" \
    TSAN_OPTIONS="suppressions=$lists/races.txt exitcode=66" \
    swift test --skip-build --sanitize "$1" --scratch-path ".build/${1:0:1}san" \
    --xunit-output .build/test/unit.xml
}
