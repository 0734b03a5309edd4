# Hostile input. scripts/stages reads this file.

# Some seconds of each of the fast targets, beyond what was counted before; on two cores half of the time
# is for building rings 0 and 1 with coverage. The long search is `scripts/fuzz`.
fuzz() { scripts/fuzz modbus dlt645 entry note --inputs 1000000000000 --seconds 6; }
