# Stages about the documentation: it compiles, and whoever follows it arrives. scripts/stages reads this file.

# The DocC catalogue without a warning, links to symbols included.
docs() {
  local out=.build/documentation modules=.build/debug/Modules triple
  rm -rf "$out" && mkdir -p "$out/symbols"
  triple=$(swiftc -print-target-info | sed -n '0,/"triple"/s/.*"triple": "\([^"]*\)".*/\1/p')
  swift symbolgraph-extract -module-name Gateway -I "$modules" -target "$triple" \
    -Xcc -fmodule-map-file=.build/debug/CSHA256.build/module.modulemap \
    -minimum-access-level public -output-dir "$out/symbols"
  docc convert Sources/Gateway/Gateway.docc --additional-symbol-graph-dir "$out/symbols" \
    --fallback-display-name Gateway --fallback-bundle-identifier tallystick.gateway \
    --warnings-as-errors --output-path "$out/Gateway.doccarchive"
}

# block ARTICLE LANGUAGE NUMBER: the text of a fenced block.
block() {
  awk -v fence="\`\`\`$2" -v wanted="$3" '
    /^```/ {if (open) {open = shown = 0} else {open = 1; if ($0 == fence) shown = (++count == wanted)}; next}
    shown' "Sources/Gateway/Gateway.docc/$1.md"
}

# A copy of the work tree, uncommitted files included; its .build is kept between runs.
scaffold_clone=.build/test/scaffolds
make_scaffold_clone() {
  mkdir -p "$scaffold_clone"
  find "$scaffold_clone" -mindepth 1 -maxdepth 1 ! -name .build -exec rm -rf {} +
  git ls-files -z --cached --others --exclude-standard |
    tar --create --null --ignore-failed-read --files-from - | tar --extract --directory "$scaffold_clone"
}

# Places where the compiler misses a case, as file:line.
missing_cases() {
  { swift build "$@" 2>&1 || true; } | tee -a missing.log |
    sed -nE "s#^$PWD/((Sources|Tests)/[^:]*:[0-9]+):.*error: switch must be exhaustive.*#\1#p" | sort -u
}

# Each form of scripts/new in a copy; the article about protocols is followed to its end.
scaffolds() {
  local number=0 target
  make_scaffold_clone
  cd "$scaffold_clone"
  export TALLYSTICK_EDGE=1
  scripts/new profile initech-x1
  scripts/new board initech/box
  scripts/new uplink initech-cloud
  scripts/new uplink globex-telemetry
  scripts/new protocol acme-bus | tee new.log
  sed -nE 's#^ +((Sources|Tests)/[^ ]+:[0-9]+)$#\1#p' new.log | sort >promised.txt

  # The innermost module that misses cases stops the build; its block of the article mends it.
  : >missing.log && : >named.txt
  for target in "--target MeterProtocols" "--target Catalog" "--target Simulator" "--target tally-sim" \
    "--target FuzzSite" "--target FuzzProfile" --build-tests; do
    number=$((number + 1))
    # shellcheck disable=SC2086 # an option and its value
    missing_cases $target >>named.txt
    block AddingAProtocol diff $number | patch --strip 1 --batch --fuzz 0
  done
  sort -o named.txt named.txt
  diff promised.txt named.txt || { echo "the compiler (>) names other switches than scripts/new (<)" && exit 1; }
  # "cancelled" is what the build says of the targets that it leaves when one fails.
  if grep 'error:' missing.log | grep -v 'switch must be exhaustive' | grep -v '^ ' | grep -v '^error: cancelled$'; then
    echo "something else does not compile"
    exit 1
  fi
  block AddingAWarning diff 1 | patch --strip 1 --batch --fuzz 0
  block AddingAProtocol swift 1 >Tests/SimulatorTests/AcmeBusMeterTests.swift
  swift format --in-place --recursive Sources Tests Package.swift
  swift build --build-tests
  # What remains for the author, and nothing else, fails the tests.
  swift test --skip-build --filter 'ProfilesTests|AddingA|AcmeBus|LayeringTests|LengthTests|WordingTests' \
    >tests.log 2>&1 || true
  grep -E '^✘ Test ".* failed' tests.log | tee failed.log
  [ -s failed.log ] && ! grep -v 'left to fill in' failed.log
}
