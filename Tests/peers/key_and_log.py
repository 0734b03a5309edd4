"""A key and its log belong together: tallyd never begins a second history under the same name.

    key_and_log.py BIN_DIRECTORY WORK_DIRECTORY

Prints "N passed, N failed"; the exit code is 1 when any failed.
"""

import os
import shutil
import signal
import subprocess
import sys

binaries, work = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
repository = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
site = os.path.join(repository, "boards/native/sim/site.yaml")
data = os.path.join(work, "data")
passed = failed = 0


def check(what, good, said=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(("passed  " if good else "FAILED  ") + what + ("" if good else "\n" + said))


def fresh():
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(os.path.join(data, "keys"))
    with open(os.path.join(data, "keys", "mirror.vkey"), "w") as file:
        # The vector key of mirror.md; no collector runs here.
        file.write("collector.example/m1+6e25293f+BPvZ8d3n5Z98qP5pHEb21pnO6SwdwjNBRvT+pDpeTFQZ\n")


def run(until="polling"):
    """Starts tallyd, ends it once it polls; what it said and its exit code."""
    process = subprocess.Popen(
        [os.path.join(binaries, "tallyd"), "--site", site, "--data", data],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=dict(os.environ, LANG="C", TALLYSTICK_DEV=work))
    said = []
    for line in process.stdout:
        said.append(line)
        if until in line:
            process.send_signal(signal.SIGTERM)
    return "".join(said), process.wait(20)


fresh()
said, code = run()
check("a first start makes the key and signs", code == 0 and "made the log key" in said, said)
said, code = run()
check("a second start goes on with it", code == 0 and "made the log key" not in said, said)

key = os.path.join(data, "keys", "log.key")
os.rename(key, key + ".away")
said, code = run()
check("without its key a signed log is refused", code == 2 and "is gone" in said, said)
check("and no key was made", not os.path.exists(key))
with open(key, "w") as file:
    file.write("11" * 32 + "\n")
os.chmod(key, 0o600)
said, code = run()
check("another key is refused", code == 2 and "is not the key that signed" in said, said)
os.replace(key + ".away", key)

os.rename(os.path.join(data, "log"), os.path.join(data, "log.away"))
said, code = run()
check("where the log is gone the next epoch begins, and says so",
      code == 0 and "a new log begins, sim.tallystick.invalid/gw/sim-0001/2" in said, said)
with open(os.path.join(data, "keys", "log.signed")) as file:
    check("the mark beside the key names it", file.read() == "sim.tallystick.invalid/gw/sim-0001/2\n")
os.rename(os.path.join(data, "log.away", "1"), os.path.join(data, "log", "1"))
said, code = run()
check("with the old log back the new one goes on", code == 0 and "a new log begins" not in said, said)
shutil.rmtree(os.path.join(data, "log", "2"))
said, code = run()
check("an epoch that was signed is never begun again",
      code == 0 and "a new log begins, sim.tallystick.invalid/gw/sim-0001/3" in said, said)
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
