"""Fills the gateway's disk to the last byte, lets it stand full, and frees it: before the first start, while the
gateway records, and before a later start.

    full_disk.py BIN_DIRECTORY WORK_DIRECTORY

Takes root: the gateway's data lie on ext4 of 24 MiB over a loop device, and it is a file of others that grows until
nothing more fits. Demanded is what the fault model promises:

  * the gateway goes on reading its meters, and says what is wrong; a start that has no room says why it ends
  * nothing is signed that is not recorded, and what was signed before goes on to the collector
  * the medium is asked again after 5 s and then more rarely, not more often: a segment that cannot be made uses up its number
  * with room again it records again by itself, past the cache as before; each slot is there or explained
  * both halves verify, also by `log_audit.py`, which shares no code with the gateway

Prints "N passed, N failed"; the exit code is 1 when any failed.
"""

import collections
import json
import os
import re
import signal
import subprocess
import sys
import time

import log_audit
from bench import Checks, wait_until
from evidence import bundle, entries_of_journal, entries_of_tiles, root, leaf
from loop_disk import LoopDisk, demand_root, unmount_below
from substation import ROLES, Failure, Settings, Substation

PORT = 9120
DISK_MIB = 24
# Sixty readings in 100 ms: the ring of 256 KiB is full after 7 s, and a segment of 64 KiB after one.
SETTINGS = Settings(lines=4, meters=15, period=100, slow_meters=2, commit=200, checkpoint=600, segment=1 << 16)
RETRY = 5  # seconds before the second attempt, Limits.storageRetryPeriod
NO_LOG_ROOM, RING_FULL, AGENT_STOPPED, STORAGE, O_DIRECT_REFUSED = 2, 5, 4, 9, 4

check = Checks()


class Run:
    """A substation whose gateway has a small disk."""

    def __init__(self, binaries, work):
        self.disk = LoopDisk(os.path.join(work, "disk.img"), os.path.join(work, "gateway"), DISK_MIB)
        self.substation = Substation(binaries, work, PORT, SETTINGS)
        self.read = 0

    def said(self, word, seconds):
        """The gateway says a word that it has not said before, within this time."""
        def find():
            with open(self.substation.path("gateway.log")) as file:
                text = file.read()
            at = text.find(word, self.read)
            if at >= 0:
                self.read = at + len(word)
                return text[text.rfind("\n", 0, at) + 1:].split("\n")[0]
            return None
        return wait_until(find, seconds) or ""

    def status(self):
        """`tally status --json`; nothing while no agent answers."""
        done = subprocess.run(
            [os.path.join(self.substation.binaries, "tally"), "status", "--data", self.substation.gateway, "--json"],
            capture_output=True, text=True, env=self.substation.environment)
        return json.loads(done.stdout) if done.returncode in (0, 1) else None

    def log(self):
        return self.substation.status()["log"]

    def await_log(self, what, condition, seconds=30):
        """Until the numbers of the log are as wanted; whether they became so."""
        def is_so():
            status = self.substation.status()
            return status is not None and condition(status["log"])
        try:
            return check(what, self.substation.wait(what, is_so, seconds))
        except Failure as failure:
            return check(what, False, f"{failure}; the log says {self.log()}")

    def await_acknowledged(self, what):
        """Until what is recorded now is acknowledged."""
        size = self.log()["size"]
        self.await_log(what, lambda log: log["acknowledged"] >= size)

    def newest_segment(self):
        """Number of the newest segment that stands on the disk."""
        return max(int(name[:16], 16) for name in os.listdir(self.substation.log + "/seg") if name.endswith(".seg"))

    def opened_direct(self):
        """For each file of whole blocks that the gateway has open, whether it goes past the cache: segments and
        superblocks. Directories, which are opened to be synced, tiles and `documents` are none."""
        directory = f"/proc/{self.substation.processes['gateway'].pid}"
        found = {}
        for number in os.listdir(f"{directory}/fd"):
            link = f"{directory}/fd/{number}"
            try:
                path = os.readlink(link)
                with open(f"{directory}/fdinfo/{number}") as file:
                    flags = next(line.split()[1] for line in file if line.startswith("flags:"))
                if os.readlink(link) != path:
                    continue  # closed meanwhile, and the number is another file's
            except OSError:
                continue
            name = os.path.relpath(path, self.substation.log)
            if re.fullmatch(r"(super|summary)\.[ab]|seg/\w+\.(seg|sealed)", name):
                found[name] = bool(int(flags, 8) & os.O_DIRECT)
        return found


def first_start(run):
    """No log is there yet, and no room for one."""
    run.disk.fill()
    run.substation.start("gateway")
    process = run.substation.processes.pop("gateway")
    code = process.wait(20)
    line = run.said("no space is left", 0)
    check("a first start on a full disk ends with 2 and says why", code == NO_LOG_ROOM and "free some" in line, line)
    run.disk.free()
    run.substation.start("gateway")
    run.await_log("with room it starts, and the collector acknowledges", lambda log: log["acknowledged"] > 1000)


def full_while_recording(run):
    """Long enough that the ring overflows."""
    substation = run.substation
    begun = time.monotonic()
    run.disk.fill()
    run.await_log("the full disk is noticed", lambda log: log["failed"], 10)
    line = run.said("nothing can be recorded now", 5)
    check("it is said, with the reason", "no space is left" in line, line)
    stopped = run.log()
    newest = run.newest_segment()
    ages, states, dropped = [], set(), 0
    while time.monotonic() < begun + 30 and dropped < 500:
        status = run.status()
        dropped = status["dropped"]
        ages += [value["age_ms"] for device in status["devices"] for value in device["values"]]
        states |= {device["state"] for device in status["devices"]}
        if not status["log"]["failed"] or status["log"]["size"] != stopped["size"]:
            break
        time.sleep(0.3)
    lasted = time.monotonic() - begun
    check(f"all {len(status['devices'])} devices are read all the time, {lasted:.0f} s",
          states == {"good"} and max(ages) < 3000, f"{states}, the oldest value {max(ages)} ms")
    check("the ring overflows, and is counted", dropped >= 500, str(dropped))
    check("the failure stays in the status", status["log"]["failed"], str(status["log"]))
    check_signed(run)
    run.await_log(
        "what was signed before is acknowledged all the same", lambda log: log["acknowledged"] == log["signed"], 10)
    run.disk.free()
    run.await_log("with room it records again by itself", lambda log: not log["failed"], 10)
    check("and says so", run.said("recording again", 5))
    run.await_log("what waited in the ring is recorded", lambda log: log["size"] > stopped["size"] + 2000, 10)
    attempts = min(number for number in segments(run) if number > newest) - newest - 1
    most = 2 * (int(lasted / RETRY) + 3)
    check(f"the medium was asked at most every {RETRY} s: {attempts} segments were tried in {lasted:.0f} s",
          attempts <= most, f"{most} would be right")
    run.await_acknowledged("everything is acknowledged")


def segments(run):
    return [int(name[:16], 16) for name in os.listdir(run.substation.log + "/seg") if name.endswith(".seg")]


def check_signed(run):
    """What the superblock promises is in the journal, entry for entry."""
    run.substation.signal("gateway", signal.SIGSTOP)
    time.sleep(0.1)
    try:
        entries = entries_of_journal(run.substation.log)
        signed, _ = log_audit.promised(run.substation.log)
    finally:
        run.substation.signal("gateway", signal.SIGCONT)
    check(f"{signed[0]} are signed of {len(entries)} that are recorded, with their root",
          signed[0] <= len(entries) and root([leaf(entry) for entry in entries[:signed[0]]]) == signed[1])


def full_at_start(run):
    """The gateway is ended on a full disk, and started on it."""
    substation = run.substation
    run.disk.fill()
    run.await_log("the disk is full again", lambda log: log["failed"], 10)
    process = substation.processes.pop("gateway")
    process.terminate()
    code = process.wait(20)
    line = run.said("were not kept", 0)
    check("ended on a full disk it says that readings were not kept, and ends with 1", code == 1 and line, f"{code}")
    substation.start("gateway")
    process = substation.processes["gateway"]
    began = wait_until(lambda: process.poll() is not None or substation.status(), 20)
    check("a later start on a full disk runs, whether its first entries fit or not", began and process.poll() is None)
    status = substation.status()
    size = status["log"]["size"] if status else 0
    run.await_log("what is acknowledged makes room, and it records",
                  lambda log: not log["failed"] and log["acknowledged"] > size, 20)
    check("it reads its meters", wait_until(
        lambda: {device["state"] for device in substation.status()["devices"]} == {"good"}, 10), str(status))
    run.disk.free()
    substation.check_running()
    run.await_log("with room it records", lambda log: not log["failed"] and log["size"] > log["signed"] > 0, 20)
    direct = wait_until(run.opened_direct, 5)
    check("it writes past the cache, as the file system allows", direct and all(direct.values()), str(direct))
    run.await_acknowledged("everything is acknowledged, again")


def ends(run):
    """Both halves after the end."""
    substation = run.substation
    for role in ROLES:
        substation.end(role)
    for half in (substation.gateway, substation.collector):
        problem = substation.verify(half)
        check(f"tally verify finds the {os.path.basename(half)}'s half good", not problem, problem)
    mirrored = substation.mirrored
    try:
        size, _ = mirrored.audit({})
        mirrored.entries.check_slots()
        problem = None
    except log_audit.Wrong as wrong:
        size, problem = mirrored.entries.count, str(wrong)
    check(f"each slot of {size} entries stands once or is explained", not problem, problem)
    events = collections.Counter()
    for entry in map(log_audit.cbor, entries_of_tiles(mirrored.directory, mirrored.entries.count)):
        if entry[0] == 5 and entry[6] == 7:
            _, first, last, reason = entry[7]
            events["shed", reason] += last - first + 1
        elif entry[0] == 5:
            events[entry[6], str(entry[7])] += 1
    check(f"{events['shed', RING_FULL]} slots were lost while the ring was full, in events that say so",
          events["shed", RING_FULL] > 0)
    check(f"{events['shed', AGENT_STOPPED]} while the agent was stopped", events["shed", AGENT_STOPPED] > 0)
    check("no event says that the file system refused O_DIRECT, which it did not",
          not events[STORAGE, str([O_DIRECT_REFUSED])], str(events))


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    demand_root()
    binaries, work = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    unmount_below(work)
    Substation.remove(work)
    os.makedirs(work)
    run = None
    try:
        run = Run(binaries, work)
        for role in ("simulator", "collector"):
            run.substation.start(role)
        first_start(run)
        full_while_recording(run)
        full_at_start(run)
        ends(run)
    except Failure as failure:
        check("it goes on to the end", False, str(failure))
    finally:
        if run:
            run.substation.close()
        unmount_below(work)
    sys.exit(check.close())


if __name__ == "__main__":
    main()
