"""Loads the site of a running gateway anew, many times: by SIGHUP and by `tally reload`, good sites and bad
ones, with the collector away and back, and with kill -9 in the middle. Nothing of the log may be lost,
doubled or unexplained, and the gateway must stay one process that does not grow.

    reload.py BIN_DIRECTORY WORK_DIRECTORY

Prints "N passed, N failed"; the exit code is 1 when any failed.
"""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time

PORT = 8790

binaries, work = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
repository = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
board = os.path.join(repository, "boards/native/sim")
site, data, dev = (os.path.join(work, name) for name in ("site.yaml", "gateway", "dev"))
passed = failed = 0
environment = dict(os.environ, LANG="C", TALLYSTICK_DEV=dev)
environment.setdefault(
    "TALLYSTICK_SHARE", os.path.join(repository, ".build/share/tallystick"))
random.seed(7)


def check(what, good, said=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(("passed  " if good else "FAILED  ") + what + ("" if good else f"\n{said}"), flush=True)


class Program:
    """One of ours, with everything it says in a file."""

    def __init__(self, role, program, *arguments):
        self.log = os.path.join(work, role + ".log")
        self.read = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [os.path.join(binaries, program), *arguments], stdout=log,
                stderr=subprocess.STDOUT, env=environment)

    def wait_for(self, *words, seconds=20):
        """Waits until one of the words is said, and gives it; what was said up to there is passed by."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with open(self.log, "rb") as log:
                log.seek(self.read)
                text = log.read()
            found = [(text.find(word.encode()), word) for word in words]
            found = sorted(place for place in found if place[0] >= 0)
            if found:
                self.read += found[0][0] + len(found[0][1])
                return found[0][1]
            if self.process.poll() is not None:
                return None
            time.sleep(0.01)
        return None

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(30)


def gateway():
    return Program("gateway", "tallyd", "--site", site, "--data", data)


def collector():
    return Program(
        "collector", "tally-collector", "serve", "--listen", f"127.0.0.1:{PORT}", "--data",
        os.path.join(work, "collector"))


def tally(*arguments):
    return subprocess.run(
        [os.path.join(binaries, "tally"), *arguments], capture_output=True, text=True,
        env=environment)


def log_numbers():
    answer = tally("status", "--data", data, "--json")
    return json.loads(answer.stdout) if answer.returncode < 2 else None


def resident(process):
    with open(f"/proc/{process.pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))


def write(text):
    """As an editor does: whole, under the old name."""
    with open(site + ".new", "w") as file:
        file.write(text)
    os.replace(site + ".new", site)


def device(text, number):
    """The lines of a device in the site, from its dash to the next one."""
    start = text.index(f"      - number: {number}\n")
    following = [
        place for place in (text.find("      - number:", start + 1), text.find("\n  - name:", start))
        if place > 0]
    return text[start:min(following)] if following else text[start:]


subprocess.run(["rm", "-rf", work], check=True)
os.makedirs(work)
# A short run makes keys, enrolment and site.
demo = subprocess.run(
    [os.path.join(binaries, "tally-sim"), "demo", "--directory", work, "--fresh", "--for", "6",
     "--port", str(PORT)], capture_output=True, text=True, env=environment)
check("a first run makes keys, enrolment and site", os.path.exists(site), demo.stdout + demo.stderr)
with open(site) as file:
    original = file.read()

pump = device(original, 201)
added = (
    pump.replace("201", "206").replace("Feed water pump", "Spare pump").replace("给水泵", "备用泵")
    .replace("address: 1\n", "address: 6\n"))
good = {
    "a device less": original.replace(device(original, 205), ""),
    "as it was": original,
    "another address and period": original.replace(
        pump, pump.replace("address: 1\n", "address: 7\n").replace("1000", "2000")),
    "another speed of a line": original.replace("baud: 9600", "baud: 19200"),
    "a device more": original.rstrip("\n") + "\n" + added.rstrip("\n") + "\n",
}
bad = {
    "no such profile": (original.replace("eastron-sdm630", "eastron-sdm63x"), "eastron-sdm63x"),
    "no YAML": (original.replace("lines:", "lines: [", 1), "site.yaml:"),
    "another serial": (original.replace("serial: sim-0001", "serial: sim-0002"), "origin.serial"),
    "another mirror": (
        original.replace(f"127.0.0.1:{PORT}", "127.0.0.1:8799"), "mirror.url"),
    "a line without time for its devices": (
        original.replace("baud: 9600", "baud: 300"), "line-b"),
}
check("the variants differ from the site", all(
    text != original for name, text in good.items() if name != "as it was") and all(
        text != original for text, _ in bad.values()))

simulator = Program("simulator", "tally-sim", "site", "--board", board, "--site", site, "--dev", dev)
simulator.wait_for("ready")
head_end = collector()
agent = gateway()
agent.wait_for("polling")
agent.wait_for("the collector answers")
pid = agent.process.pid


def reload(text, by_signal):
    """Loads a site; whether it is in force now, and what was said about it."""
    write(text)
    if by_signal:
        agent.process.send_signal(signal.SIGHUP)
        # Said at once or after the last answer of a device that is silent: a second at most here.
        word = agent.wait_for("site reloaded", "was not reloaded")
        time.sleep(0.05)
        with open(agent.log) as log:
            return word == "site reloaded", log.read()[-3_000:], word is not None
    answer = tally("reload", "--data", data)
    word = agent.wait_for("site reloaded", "was not reloaded")
    said = answer.stdout + answer.stderr
    return answer.returncode == 0, said, answer.returncode in (0, 1) and word is not None


goods, bads = list(good.items()), list(bad.items())
took = []
for number in range(20):
    if number == 5:
        head_end.end(signal.SIGKILL)
    if number == 15:
        backlog = log_numbers()["log"]
        check("a backlog is there while the collector is away",
              backlog["size"] > backlog["acknowledged"] + 20, str(backlog))
        head_end = collector()
    by_signal = number % 4 < 2
    way = "SIGHUP" if by_signal else "tally reload"
    begun = time.monotonic()
    if number % 2 == 0:
        name, text = goods[(number // 2) % len(goods)]
        isLoaded, said, isAnswered = reload(text, by_signal)
        check(f"{number + 1}: {way}: {name} is loaded", isAnswered and isLoaded, said)
        took.append(time.monotonic() - begun)
    else:
        name, (text, word) = bads[(number // 2) % len(bads)]
        isLoaded, said, isAnswered = reload(text, by_signal)
        check(f"{number + 1}: {way}: {name} is refused and said",
              isAnswered and not isLoaded and word in said, said)
    time.sleep(random.uniform(0.2, 1.5))
print(f"        a good one took {max(took):.2f} s at most")
check("the process is the same", agent.process.poll() is None and agent.process.pid == pid)

write(original)
tally("reload", "--data", data)
again = tally("reload", "--data", data)
check("the same site changes nothing", again.returncode == 0 and "nothing changed" in again.stdout,
      again.stdout + again.stderr)
moved = tally("reload", "--data", data + ".not")
check("where no agent answers it says so", moved.returncode == 2, moved.stdout + moved.stderr)

# Back and forth as fast as it goes: what a reload takes it gives back.
for text in (good["a device less"], original) * 10:
    reload(text, True)
first = resident(agent.process)
for text in (good["a device less"], original) * 30:
    reload(text, True)
grown = resident(agent.process) - first
print(f"        {first} KiB resident, {grown} more after 60 reloads")
check("sixty more reloads cost no memory", grown <= 512, f"{grown} KiB more")


def is_acknowledged(size):
    numbers = log_numbers()
    return numbers is not None and numbers["log"]["acknowledged"] >= size


size = log_numbers()["log"]["size"]
deadline = time.monotonic() + 60
while not is_acknowledged(size) and time.monotonic() < deadline:
    time.sleep(0.2)
check("everything of it is acknowledged", is_acknowledged(size), str(log_numbers()))
status = log_numbers()
check("no reading was dropped", status["dropped"] == 0, str(status["dropped"]))

# Killed in the middle. A long site is logged in parts, so that there is a middle.
long_site = good["a device less"] + "# a line of comment in a long site file\n" * 3_000
for number in range(6):
    write((long_site, original)[number % 2])
    agent.process.send_signal(signal.SIGHUP)
    time.sleep(random.uniform(0, 0.08))
    agent.end(signal.SIGKILL)
    agent = gateway()
    check(f"after kill -9 during a reload ({number + 1}) it goes on",
          agent.wait_for("polling") is not None)
    time.sleep(random.uniform(0.5, 2))

size = (log_numbers() or {"log": {"size": 1 << 40}})["log"]["size"]
deadline = time.monotonic() + 60
while not is_acknowledged(size) and time.monotonic() < deadline:
    time.sleep(0.2)
check("everything is acknowledged after that", is_acknowledged(size), str(log_numbers()))
check("the gateway ends in good order", agent.end() == 0)
head_end.end()
simulator.end()

with open(os.path.join(data, "keys/log.vkey")) as file:
    vkey = file.read().strip()
with open(os.path.join(work, "collector/keys/mirror.vkey")) as file:
    cosigner = file.read().strip()
for half in ("gateway", "collector"):
    answer = tally("verify", os.path.join(work, half), "--vkey", vkey, "--cosigner", cosigner)
    check(f"the {half}'s half is verified with missing 0",
          answer.returncode == 0 and "missing 0;" in answer.stdout, answer.stdout + answer.stderr)
    print("".join("        " + line[:150] + "\n" for line in answer.stdout.splitlines()
                  if line.startswith("completeness")), end="")
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
