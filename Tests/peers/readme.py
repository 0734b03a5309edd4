"""Types what the README tells people to type after `scripts/run`, as it stands there: the blocks about a run
while one is going, and those about `verify` when it has ended.

    readme.py BIN_DIRECTORY WORK_DIRECTORY

The work directory stands for the top of the work tree. Only the collector's port is replaced, when the run says
that 8470 was taken. Prints "N passed, N failed"; the exit code is 1 when any failed.
"""

import json
import os
import re
import shutil
import subprocess
import sys

binaries, work = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
repository = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
environment = dict(os.environ, LANG="C", no_proxy="127.0.0.1")
passed = failed = 0


def check(what, good, said=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(("passed  " if good else "FAILED  ") + what + ("" if good else "\n" + said), flush=True)


def commands():
    """The lines of the README's shell blocks that speak of the run in .build/run."""
    with open(os.path.join(repository, "README.md")) as file:
        blocks = re.findall(r"^```sh\n(.*?)^```$", file.read(), re.M | re.S)
    lines = [line for block in blocks if ".build/run/" in block for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def is_json(text):
    try:
        return bool(json.loads(text))
    except ValueError:
        return False


def type_line(line, port):
    """Runs a line by a shell in the work directory; JSON where a program is meant to read the answer."""
    done = subprocess.run(
        ["bash", "-c", line.replace(":8470/", f":{port}/")], cwd=work, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)
    good = done.returncode == 0 and done.stdout.strip()
    if line.startswith("curl") or "--json" in line:
        good = good and is_json(done.stdout)
    check(line, good, f"exit code {done.returncode}\n{done.stdout}{done.stderr}")


shutil.rmtree(work, ignore_errors=True)
os.makedirs(os.path.join(work, ".build"))
os.symlink(binaries, os.path.join(work, ".build", "release"))

typed = commands()
for word in ("status", "read", "reload", "keys show", "verify"):
    check(f"the README has `tally {word}`", any(f"/tally {word} " in line for line in typed))
check("and asks the collector", any(line.startswith("curl ") for line in typed))

# What scripts/run ends with.
run = subprocess.Popen(
    [".build/release/tally-sim", "demo", "--directory", ".build/run", "--for", "20"], cwd=work,
    env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
said, port = [], None
for line in run.stdout:
    said.append(line)
    port = port or re.search(r"the collector is at http://127\.0\.0\.1:(\d+)", line)
    if port and re.search(r"backlog \d+, (\d+)/\1 devices answer", line) and "acknowledged" in line:
        break
check("every device of the run answers", port and run.poll() is None, "".join(said))
if port:
    for line in typed:
        if " verify " not in line:
            type_line(line, port.group(1))
said += run.stdout.readlines()
check("the run ended well after that", run.wait(60) == 0, "".join(said))
for line in typed:
    if " verify " in line:
        type_line(line, None)

print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
