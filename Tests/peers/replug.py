"""Unplugs a serial line of the simulated substation and plugs it in again: the gateway must read from it
within two seconds of its return, as ARCHITECTURE §5 demands.

    replug.py BIN_DIRECTORY WORK_DIRECTORY

Prints "N passed, N failed"; the exit code is 1 when any failed.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
import time

UNPLUG_AT, OUT_FOR, WITHIN = 6.0, 3.0, 2.0

binaries, work = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
repository = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
site = os.path.join(repository, "boards/native/sim/site.yaml")
passed = failed = 0


def check(what, good):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(("passed  " if good else "FAILED  ") + what)


def watch(process, lines):
    def read():
        for line in process.stdout:
            lines.append((time.monotonic(), line.rstrip()))

    threading.Thread(target=read, daemon=True).start()


def wait_for(lines, word, deadline):
    while time.monotonic() < deadline:
        for at, line in list(lines):
            if word in line:
                return at
        time.sleep(0.01)
    return None


def start(*arguments, **environment):
    process = subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=dict(os.environ, LANG="C", **environment))
    lines = []
    watch(process, lines)
    return process, lines


def fast_line_is_read(data):
    """The newest value of a device on line-b is younger than its period and good."""
    answer = subprocess.run(
        [os.path.join(binaries, "tally"), "status", "--data", data, "--json"],
        capture_output=True, text=True)
    if answer.returncode == 2:  # no agent answers; 1 says that something is not well, such as the mirror
        return False
    status = json.loads(answer.stdout)
    device = next(d for d in status["devices"] if d["number"] == 201)
    return any(v["status"] == 0 and v["age_ms"] < 1_000 for v in device["values"])


shutil.rmtree(work, ignore_errors=True)
dev, data = os.path.join(work, "dev"), os.path.join(work, "data")
os.makedirs(dev)
os.makedirs(os.path.join(data, "keys"))
with open(os.path.join(data, "keys", "mirror.vkey"), "w") as file:
    # The vector key of mirror.md; no collector runs here.
    file.write("collector.example/m1+6e25293f+BPvZ8d3n5Z98qP5pHEb21pnO6SwdwjNBRvT+pDpeTFQZ\n")

simulator, simulated = start(
    os.path.join(binaries, "tally-sim"), "site", "--board",
    os.path.join(repository, "boards/native/sim"), "--site", site, "--dev", dev,
    "--unplug", f"line-b@{UNPLUG_AT:.0f}+{OUT_FOR:.0f}")
ready = wait_for(simulated, "ready", time.monotonic() + 20)
check("the simulated substation is ready", ready is not None)
gateway, said = start(
    os.path.join(binaries, "tallyd"), "--site", site, "--data", data, TALLYSTICK_DEV=dev)
try:
    begun = time.monotonic()
    while not fast_line_is_read(data) and time.monotonic() < begun + UNPLUG_AT - 1:
        time.sleep(0.05)
    check("line-b is read before it is unplugged", fast_line_is_read(data))
    lost = wait_for(said, "line-b: port lost", ready + UNPLUG_AT + WITHIN)
    check("its loss is noticed within two seconds", lost is not None)
    time.sleep(max(0, ready + UNPLUG_AT + OUT_FOR - time.monotonic()))
    while not fast_line_is_read(data) and time.monotonic() < ready + UNPLUG_AT + OUT_FOR + 10:
        time.sleep(0.02)
    took = time.monotonic() - (ready + UNPLUG_AT + OUT_FOR)
    check(f"it is read again {took:.2f} s after its return, at most {WITHIN:.0f}", took <= WITHIN)
finally:
    gateway.terminate()
    gateway.wait(20)
    simulator.terminate()
    simulator.wait(20)
check("both ended in good order", gateway.returncode == 0 and simulator.returncode == 0)
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
