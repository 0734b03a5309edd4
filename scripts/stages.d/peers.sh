# Stages in which software of others meets ours. scripts/stages reads this file.

pymodbus_meter() { .build/venv/bin/python Tests/peers/pymodbus_meter.py .build/release .build/test/pymodbus; }
key_and_log() { python3 Tests/peers/key_and_log.py .build/release .build/test/key-and-log; }
replugged_line() { python3 Tests/peers/replug.py .build/release .build/test/replug; }
emulated_meters() { .build/venv/bin/python Tests/peers/emulated_meters.py --tally-sim .build/release/tally-sim --share .build/share/tallystick; }
