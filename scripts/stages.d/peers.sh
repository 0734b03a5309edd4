# Stages in which software of others meets ours. scripts/stages reads this file.

pymodbus_meter() { .build/venv/bin/python Tests/peers/pymodbus_meter.py .build/release .build/test/pymodbus; }
key_and_log() { /usr/bin/python3 Tests/peers/key_and_log.py .build/release .build/test/key-and-log; }
# Tools borrow lines of a running gateway; cbor2 (Debian) speaks to its control socket.
control_socket() { /usr/bin/python3 Tests/peers/control.py .build/release .build/test/control; }
reloaded_site() { /usr/bin/python3 Tests/peers/reload.py .build/release .build/test/reload; }
# With a backlog: a restart, another build, another site, another collector, the log of an earlier release.
backlog() { /usr/bin/python3 Tests/peers/backlog.py .build/release .build/test/backlog; }
# Bytes of the gateway's segments are changed while it is stopped: they come back from the collector.
mended_log() { /usr/bin/python3 Tests/peers/mending.py .build/release .build/test/mending; }
replugged_line() { /usr/bin/python3 Tests/peers/replug.py .build/release .build/test/replug; }
emulated_meters() { .build/venv/bin/python Tests/peers/emulated_meters.py --tally-sim .build/release/tally-sim --share .build/share/tallystick; }
# minimalmodbus and pymodbus read the emulated meters; modbus-tk and pymodbus are meters themselves.
modbus_clients() { .build/venv/bin/python Tests/peers/modbus_clients.py .build/release .build/test/modbus-clients; }
modbus_servers() { .build/venv/bin/python Tests/peers/modbus_servers.py .build/release .build/test/modbus-servers; }
# What the README tells people to type after scripts/run.
readme_commands() { /usr/bin/python3 Tests/peers/readme.py .build/release .build/test/readme; }
# nginx with good and bad certificates in front of the collector; clients that dribble and slips in queries.
nginx_tls() { /usr/bin/python3 Tests/peers/nginx_tls.py .build/release .build/test/nginx-tls; }
slow_clients() { /usr/bin/python3 Tests/peers/slow_clients.py .build/release .build/test/slow-clients; }
# As root, on ext4 over loop devices: a disk that others fill; what a group commit costs, beside SQLite.
full_disk() { /usr/bin/python3 Tests/peers/full_disk.py .build/release .build/test/full-disk; }
# As root: packages on a stick that is unplugged, full, read-only and swapped; OpenSSL and a second collector judge them.
one_way() { /usr/bin/python3 Tests/peers/one_way.py .build/release .build/test/one-way; }
commit_bytes() { /usr/bin/python3 Tests/peers/commit_bytes.py .build/release .build/test/commit-bytes; }
# What the kernel is asked for against what the gateway asked of its storage, in the simulator and of the real agent.
strace_equality() { /usr/bin/python3 Tests/peers/strace_equality.py .build/release .build/test/strace-equality; }

# On the log of the whole run: OpenSSL on its signatures, cbor2 (Debian) and zcbor on its entries.
openssl_signatures() { /usr/bin/python3 Tests/peers/openssl_signatures.py "$test_run" .build/test/openssl; }
cbor_log() {
  /usr/bin/python3 Tests/peers/cbor_log.py "$test_run"
  .build/venv/bin/python Tests/peers/cddl_log.py "$test_run"
}
