# Stages that run the unit tests with a sanitizer. scripts/stages reads this file.
# A sanitizer is `address` (with its leak detector), or `thread`, which the edge's tests alone get: its threads are
# ours, the head end's are those of libraries. Each has a folder, .build/asan or .build/tsan.

sanitizer_build() {
  sanitized "$1" build --build-tests
}

sanitized() { # SANITIZER WORD…
  local sanitizer=$1 edge=()
  [ "$sanitizer" = address ] || edge=(TALLYSTICK_EDGE=1)
  env "${edge[@]}" swift "${@:2}" --sanitize "$sanitizer" --scratch-path ".build/${sanitizer:0:1}san"
}

# What is suppressed stands in Tests/sanitizers with its reason. Tests that count allocations skip
# themselves, because a sanitizer has the allocator. BinaryTests look at what is shipped.
sanitizer_tests() {
  local lists=$PWD/Tests/sanitizers
  rm -f .build/test/unit*.xml
  ASAN_OPTIONS=detect_leaks=1 LSAN_OPTIONS="suppressions=$lists/leaks.txt" \
    TSAN_OPTIONS="suppressions=$lists/races.txt exitcode=66" \
    sanitized "$1" test --skip-build --xunit-output .build/test/unit.xml
}
