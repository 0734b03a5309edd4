# Stages in which the programs run together, and what checks them then. scripts/stages reads this file.

# A whole run of half a minute on a directory of its own, then both sides verified.
test_run=.build/test/run
whole_run() {
  .build/release/tally-sim demo --directory "$test_run" --fresh --for 30 --port 8570
  verify_both "$test_run"
}

# `tally verify` on the gateway's half and on the collector's half of a run.
verify_both() {
  local half
  for half in "$1/gateway" "$1/collector"; do
    .build/release/tally verify "$half" --vkey "$(cat "$1/gateway/keys/log.vkey")" \
      --cosigner "$(cat "$1/collector/keys/mirror.vkey")"
  done
}

# An independent verifier: on the published vectors, on the log of the run, and on copies of it with
# one byte changed, which it must refuse.
go_verifier() {
  local log copy file name
  build_go_verifier
  MIRROR_VECTORS=$PWD/Tests/CollectorTests/Vectors/mirror.json go test ./Tests/verify_go
  log=$(echo "$test_run"/collector/logs/*)
  verify_by_go "$test_run" "$log"
  copy=.build/test/tampered
  for name in checkpoint tile/entries/000* tile/0/000*; do
    rm -rf "$copy"
    cp -r "$log" "$copy"
    file=$(find "$copy" -path "$copy/$name" -type f -o -path "$copy/$name/*" -type f | head -n 1)
    flip_byte "$file" 100
    if verify_by_go "$test_run" "$copy"; then
      echo "a changed byte in $file was not found"
      return 1
    fi
  done
}

build_go_verifier() {
  # Debian's Go packages without modules: nothing is downloaded.
  export GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE="$PWD/.build/go" GOFLAGS=
  go build -o .build/verify_go ./Tests/verify_go
}

# verify_by_go RUN LOG: with the keys of a run.
verify_by_go() {
  .build/verify_go "$(cat "$1/gateway/keys/log.vkey")" "$(cat "$1/collector/keys/mirror.vkey")" "$2"
}

# Changes the lowest bit of one byte of a file.
flip_byte() {
  local value
  value=$(od -An -tu1 -j "$2" -N 1 "$1")
  # shellcheck disable=SC2059 # the format is an octal escape
  printf "$(printf '\\%03o' $((value ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# 500 gateways in virtual time; one with as many devices as may be, whose seed would put them all on one line; and
# one with a planted defect, which must be found.
simulate() {
  scripts/simulate --built --seeds 500
  .build/release/tally-sim run --seed 6 --hours 1 --devices 64
  ! .build/release/tally-sim run --seed 1 --hours 1 --canary || { echo "the planted defect was not found"; return 1; }
}

# What a simulated gateway leaves behind, with segments of the simulator's own compression among it: tally verify takes it,
# and a tallyd that goes on with it hands all of it to a collector of another key, which is verified, too.
simulated_directory() {
  local out=.build/test/simulated-directory seed pid size
  rm -rf "$out"
  mkdir -p $out
  for seed in 3 11 12; do
    .build/release/tally-sim run --seed $seed --out $out/$seed --lang en | tee $out/$seed.said
    .build/release/tally verify $out/$seed/gateway --vkey "$(cat $out/$seed/gateway/keys/log.vkey)" \
      --cosigner "$(cat $out/$seed/gateway/keys/mirror.vkey)"
  done
  size=$(sed -n 's/.* epochs, \([0-9]*\) entries.*/\1/p' $out/3.said)
  out=$out/3
  .build/release/tally-collector init --name collector.example/m1 --data $out/collector
  .build/release/tally-collector enroll "$(cat $out/gateway/keys/log.vkey)" --data $out/collector
  sed -i -e 's/:8470/:9260/' -e "s|vkey: .*|vkey: $(cat $out/collector/keys/mirror.vkey)|" $out/site.yaml
  .build/release/tally-collector serve --listen 127.0.0.1:9260 --data $out/collector >$out/collector.log 2>&1 &
  pid=$!
  .build/release/tallyd --site $out/site.yaml --data $out/gateway --share .build/share/tallystick >$out/gateway.log 2>&1 &
  pid="$pid $!"
  # shellcheck disable=SC2064 # these processes
  trap "kill $pid 2>/dev/null; wait" EXIT
  for _ in $(seq 150); do
    sleep 0.2
    [ "$(.build/release/tally status --data $out/gateway --json | sed -n 's/.*"acknowledged":\([0-9]*\).*/\1/p')" -gt "$size" ] &&
      break
  done
  # shellcheck disable=SC2086 # several
  kill $pid && wait
  trap - EXIT
  verify_both $out
  .build/release/tally-collector status --data $out/collector --lang en | tee $out/status
  [ "$(sed -n 's/^ *cosigned \([0-9]*\),.*/\1/p' $out/status)" -gt "$size" ] ||
    { echo "the collector lacks some of $size entries"; return 1; }
  echo "the collector has what the simulated gateway recorded, $size entries, and what tallyd added"
}
crash_loop() { scripts/crash-loop --built 50 --lanes 2; }
measure() { scripts/measure --built; }
