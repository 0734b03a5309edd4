# Hostile input. scripts/stages reads this file.

# Some seconds of each target but the collector's routes, beyond what was counted before; on two cores most of the
# time is for building rings 0 and 1, and Catalog, with coverage. The routes would need a build of the whole head
# end; `scripts/test` gives them seeds, findings and mutations without libFuzzer. The long search is `scripts/fuzz`.
fuzz() {
  scripts/fuzz modbus dlt645 entry note control journal sealed site profile --inputs 1000000000000 --seconds 5
}
