"""Kills gateway, collector and simulator with SIGKILL at random moments, breaks the link between them, and
checks after each cycle that nothing acknowledged is lost or doubled.

    crash_loop.py BIN_DIRECTORY WORK_DIRECTORY [CYCLES] [options]     see --help

A cycle is a plan drawn from the seed, the lane and its number: which programs are killed when, also a second
time while they recover, also two at once, also while the other side starts, and what the link does meanwhile.
The same seed gives the same plans; what the programs were doing at a moment no seed can repeat. After a cycle
everything runs and the link is good; when a reading of each line has been made, acknowledged and decoded,
both halves are stopped (SIGSTOP) and read:

  * nothing that was promised went back: signed and acknowledged sizes of the gateway, the collector's
    checkpoint; the gateway never says that more is acknowledged than the collector holds
  * the root at every size ever seen is the root over the entries now; every tile is there and right
  * each entry knows its place, each slot stands once and is there or explained
  * `readings.sqlite` has each reading once, under its index, with the value that the meter sent
  * `tally verify` finds nothing in either half; the collector saw no fork and refused nothing

`log_audit.py` does all but the last in Python's standard library, so that no code of the project judges itself.
A quarter of the killed halves is verified as it lay there, before it starts again. After so many cycles a lane
ends its substation in good order and begins another, so that first starts are interrupted too.
"""

import argparse
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import traceback

import log_audit
from log_audit import Wrong
from relay import Relay
from substation import ROLES, Failure, Settings, Substation

DISK_BYTES = 96 << 20  # three times what a substation of 25 cycles writes
WITHIN = 90  # seconds for everything to be well again
BAD_WORDS = (b"refuse", b"fork", b"alarm", b"fatal", b"crash", b"error", b"cannot be used", b"recorded", b"traps")


def draw(random_, is_first, options):
    """The steps of a cycle: ("wait", s) ("kill", roles, recovering) ("start", role) ("look", role)
    ("link", mode, amount) ("fill", bytes left) ("clock", µs ahead). After the last, whatever it is, everything is started, the
    link mended and the disks freed."""
    steps = []
    if is_first:
        for role in random_.sample(ROLES, 3):
            steps += [("start", role), ("wait", random_.choice((0, random_.uniform(0, 0.3))))]
    steps.append(("wait", random_.uniform(0, 0.5 if is_first else 1.2)))
    kind = random_.choices(("one", "recovering", "both sides", "together", "all"), (32, 26, 20, 16, 6))[0]
    first = random_.choices(ROLES, (45, 38, 17))[0]
    if kind in ("one", "recovering"):
        steps += dead(random_, [first])
        if kind == "recovering":
            for _ in range(random_.choices((1, 2, 3), (60, 25, 15))[0]):
                steps += [("start", first), ("wait", 0.5 * random_.random() ** 2), ("kill", [first], True)]
                steps += looks(random_, [first])
        steps.append(("start", first))
    elif kind == "both sides":
        # The other is killed in the milliseconds in which the first one starts.
        other = random_.choice([role for role in ROLES[:2] if role != first])
        steps += dead(random_, [first])
        steps += [("start", first), ("wait", 0.4 * random_.random() ** 2), ("kill", [other], False)]
        steps += looks(random_, [other])
        steps += [("wait", random_.choice((0, random_.uniform(0, 0.4)))), ("start", other)]
    else:
        roles = list(ROLES) if kind == "all" else random_.choice([ROLES[:2], ROLES[:2], ROLES[1:], ROLES[::2]])
        steps += dead(random_, list(roles))
        for role in random_.sample(roles, len(roles)):
            steps += [("start", role), ("wait", random_.choice((0, random_.uniform(0, 0.3))))]
    if random_.random() < 0.45:
        at = random_.randrange(1, len(steps) + 1)
        steps[at:at] = cut(random_)
    if options.full_disk and random_.random() < 0.4:
        at = random_.randrange(1, len(steps) + 1)
        steps[at:at] = [("fill", int(random_.choice((0, 10 ** random_.uniform(3, 6))))), ("wait", random_.uniform(0, 4))]
    if options.clock_steps and random_.random() < 0.4:
        # A gateway whose clock is good takes no cosignature of another time than its own, to 300 s.
        ahead = random_.choice((random_.uniform(-200, 200), random_.uniform(-3, 3)))
        steps.insert(random_.randrange(1, len(steps) + 1), ("clock", int(ahead * 1e6)))
    return steps


def dead(random_, roles):
    return [("kill", roles, False)] + looks(random_, roles) + [
        ("wait", random_.choice((0, random_.uniform(0, 0.2), random_.uniform(0, 1))))]


def looks(random_, roles):
    return [("look", role) for role in roles if role != "simulator" and random_.random() < 0.25]


def cut(random_):
    """What the link does: a fault, for a while; sometimes it ends before what comes next in the plan."""
    mode = random_.choice(Relay.MODES)
    amount = {"delay": random_.uniform(0.02, 0.4)}.get(mode, int(10 ** random_.uniform(0, 4.7)))
    steps = [("link", mode, amount), ("wait", random_.uniform(0, 1.5))]
    return steps + [("link", "ok", 0)] * (random_.random() < 0.4)


def told(steps):
    """A plan in one line."""
    words = []
    for step in steps:
        if step[0] == "wait":
            words.append(f"{step[1]:.3f}" if step[1] else "")
        elif step[0] == "kill":
            words.append("kill " + "+".join(step[1]))
        elif step[0] == "link":
            amount = f" {step[2]:.4g}" if step[1] in ("cut-up", "cut-down", "delay") else ""
            words.append(f"link {step[1]}{amount}")
        elif step[0] == "fill":
            words.append(f"disks full but for {step[1]} bytes")
        elif step[0] == "clock":
            words.append(f"clock {step[1] / 1e6:+.3f}")
        elif step[0] != "look":
            words.append(" ".join(step))
    return ", ".join(word for word in words if word)


class Promises:
    """What was seen of the log so far, none of which may ever be taken back."""

    def __init__(self, substation):
        self.substation = substation
        self.roots = {}
        self.cosigned = self.signed = self.acknowledged = 0

    def keep(self, size, root):
        if self.roots.setdefault(size, root) != root:
            raise Wrong(f"two roots at size {size}: the gateway signed two histories")

    def see_checkpoint(self):
        """The collector's, at any time."""
        found = self.substation.mirrored.checkpoint()
        size = found[0] if found else 0
        if size < self.cosigned:
            raise Wrong(f"the collector's checkpoint went back from {self.cosigned} to {size}")
        if found:
            self.keep(*found)
        self.cosigned = size
        return size

    def see_gateway(self):
        """The gateway's superblock, while it is killed or stopped."""
        found = log_audit.promised(self.substation.log)
        signed, cosigned = found or (None, None)
        for note in (signed, cosigned):
            if note:
                self.keep(*note)
        size = signed[0] if signed else 0
        if size < self.signed:
            raise Wrong(f"the gateway's signed size went back from {self.signed} to {size}")
        self.signed = size
        self.see_acknowledged(cosigned[0] if cosigned else 0)

    def see_acknowledged(self, size):
        if size < self.acknowledged:
            raise Wrong(f"the acknowledged size went back from {self.acknowledged} to {size}")
        self.acknowledged = size
        held = self.see_checkpoint()
        if size > held:
            raise Wrong(f"the gateway has an acknowledgement of {size} entries, the collector holds {held}")


class Lane:
    """One substation after another, each for some cycles."""

    def __init__(self, options, number, cycles, results):
        self.options, self.number, self.cycles, self.results = options, number, cycles, results
        self.directory = os.path.join(os.path.abspath(options.work), f"lane-{number}")
        self.substation = None
        self.counts = dict.fromkeys(("cycles", *ROLES, "recovering", "links", "looks", "full", "clock", "entries"), 0)
        self.plan, self.read_logs = "", {}

    def random(self, what):
        return random.Random(f"{self.options.seed}/{self.number}/{what}")

    def run(self):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        good, number = False, 0
        try:
            for number in range(self.cycles):
                begun = time.monotonic()
                is_first = number % self.options.fresh == 0
                if is_first:
                    self.renew(number)
                self.cycle(number, is_first)
                self.counts["cycles"] += 1
                self.say(
                    f"cycle {number + 1}/{self.cycles}  {self.promises.acknowledged} acknowledged"
                    f"  {time.monotonic() - begun:.1f} s  {self.plan}")
            self.retire()
            good = True
        except (Failure, Wrong) as failure:
            self.report(number, str(failure))
        except Exception:  # a fault of the test itself is reported like one that it found
            self.report(number, traceback.format_exc())
        finally:
            if self.substation:
                self.substation.close()
            self.results.put((self.number, good, self.counts))

    def say(self, text):
        os.write(1, f"lane {self.number} {text}\n".encode())

    def report(self, number, failure):
        lines = [f"FAILED in cycle {number + 1}: {failure}", f"plan: {self.plan}"]
        for role in ROLES:
            try:
                with open(os.path.join(self.directory, f"{role}.log"), errors="replace") as file:
                    lines += [f"{role}| {line.rstrip()}" for line in file.readlines()[-15:]]
            except FileNotFoundError:
                pass
        if self.substation:
            status = self.substation.status()
            lines.append(f"the gateway's status: {status and {key: status[key] for key in ('log', 'link', 'lines')}}")
            relay = self.substation.relay
            lines.append(f"the link has {len(relay.connections)} connections, unanswered are {relay.unanswered()}")
            lines.append(f"it answered {dict(relay.answers)}")
        lines.append(
            f"kept in {self.directory}; replay with --seed {self.options.seed} --lanes {self.options.lanes}"
            f" {self.options.cycles}")
        self.say("\n  ".join(lines))

    # MARK: substations

    def renew(self, number):
        """Ends the substation in good order and makes another."""
        self.retire()
        Substation.remove(self.directory)
        random_ = self.random(f"site {number}")
        commit = random_.choice((20, 100, 300, 1000))
        self.settings = Settings(
            lines=self.options.lines, meters=self.options.meters, period=self.options.period, commit=commit,
            checkpoint=random_.choice((commit, 500 + commit, 1500)),
            segment=random_.choice((5 << 12, 1 << 16, 1 << 20)))
        self.substation = Substation(
            self.options.binaries, self.directory, self.options.port + 10 * self.number, self.settings,
            disk_bytes=DISK_BYTES if self.options.full_disk else None)
        if self.options.clock_steps:
            self.substation.preload_clock()
        self.promises = Promises(self.substation)
        self.read_logs = {}

    def retire(self):
        substation, self.substation = self.substation, None
        if not substation:
            return
        try:
            for role in ROLES:
                substation.end(role)
            self.promises.see_gateway()
            self.check_halves(substation)
            if self.options.verifier:
                done = subprocess.run(
                    [self.options.verifier, substation.vkey, substation.mirror_vkey, substation.mirrored.directory],
                    capture_output=True, text=True)
                if done.returncode != 0:
                    raise Wrong(f"{self.options.verifier}: {done.stdout}{done.stderr}")
            self.counts["entries"] += self.promises.cosigned
        except BaseException:
            self.substation = substation
            raise
        substation.close()
        Substation.remove(self.directory)

    # MARK: a cycle

    def cycle(self, number, is_first):
        steps = draw(self.random(f"cycle {number}"), is_first, self.options)
        self.plan = told(steps)
        for step in steps:
            self.do(*step)
        substation = self.substation
        was_full = substation.is_full
        substation.free()
        substation.relay.set("ok")
        for role in ROLES:
            if not substation.is_running(role):
                substation.start(role)
        self.await_recovery()
        if is_first:
            # While nothing is acknowledged, a gateway asks where the mirror stands before it offers anything.
            self.first_questions = substation.relay.answers["/add-entries", 422]
        self.audit(was_full)

    def do(self, what, *how):
        substation = self.substation
        if what == "wait":
            time.sleep(how[0])  # the random moment itself
        elif what == "start":
            if not substation.is_running(how[0]):
                substation.start(how[0])
        elif what == "link":
            substation.relay.set(*how)
            self.counts["links"] += how[0] != "ok"
        elif what == "fill":
            substation.fill(how[0])
            self.counts["full"] += 1
        elif what == "clock":
            substation.set_clock(how[0])
            self.counts["clock"] += 1
        elif what == "look":
            self.look(how[0])
        elif what == "kill":
            roles, is_recovering = how
            roles = [role for role in roles if substation.is_running(role)]
            substation.kill(*roles)
            for role in roles:
                self.counts[role] += 1
                self.counts["recovering"] += is_recovering
            if "gateway" in roles:
                self.promises.see_gateway()
            self.promises.see_checkpoint()

    def look(self, role):
        """Verifies a half as the kill left it, once it has promised anything."""
        substation = self.substation
        self.counts["looks"] += 1
        if role == "gateway":
            has_both = all(os.path.exists(os.path.join(substation.log, name)) for name in ("super.a", "super.b"))
            if not self.promises.signed or not has_both:
                return
        elif not self.promises.cosigned:
            return
        problem = substation.verify(getattr(substation, role))
        if problem:
            raise Wrong(f"as the kill left it: {problem}")

    def await_recovery(self):
        """Until a reading of each line, made after the plan ended, is acknowledged and decoded."""
        substation, promises = self.substation, self.promises
        since = time.time_ns() // 1000 + substation.clock_offset

        def all_lines_are_read():
            status = substation.status()
            if not status:
                return None
            promises.see_acknowledged(status["log"]["acknowledged"])
            read = {
                device["line"] for device in status["devices"]
                if any(v["status"] == 0 and v["utc"] > since for v in device["values"])}
            if status["log"]["failed"] or status["link"]["state"] != "up":
                return None
            return status["log"]["size"] if len(read) == len(substation.lines) else None

        target = 1 + substation.wait("each line is read", all_lines_are_read, WITHIN)

        def is_acknowledged():
            status = substation.status()
            if status:
                promises.see_acknowledged(status["log"]["acknowledged"])
            return promises.acknowledged >= target

        substation.wait(f"{target} entries are acknowledged", is_acknowledged, WITHIN)
        size = promises.cosigned
        substation.wait(f"{size} entries are decoded", lambda: substation.readings.cursor() >= size, WITHIN)

    # MARK: checks

    def audit(self, was_full):
        """`was_full`: they were right to complain of the disks."""
        substation = self.substation
        halves = ("gateway", "collector")
        try:
            for role in halves:
                substation.signal(role, signal.SIGSTOP)
            for role in halves:
                substation.wait(f"the {role} stops", lambda: self.is_stopped(role), 30)
            self.promises.see_gateway()
            self.check_halves(substation)
        finally:
            for role in halves:
                if substation.is_running(role):
                    substation.signal(role, signal.SIGCONT)
        if was_full:
            for key in [key for key in substation.relay.answers if key[1] == 500]:
                del substation.relay.answers[key]
        self.check_readings()
        self.check_words(was_full)

    def is_stopped(self, role):
        process = self.substation.processes[role]
        with open(f"/proc/{process.pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "T"

    def check_halves(self, substation):
        """Both halves, while nobody writes."""
        substation.mirrored.audit(self.promises.roots)
        substation.mirrored.entries.check_slots()
        for half in (substation.gateway, substation.collector):
            problem = substation.verify(half)
            if problem:
                raise Wrong(problem)

    def check_readings(self):
        substation = self.substation
        entries = substation.mirrored.entries
        substation.wait(
            "what was read is decoded", lambda: substation.readings.cursor() >= entries.count, WITHIN)
        substation.readings.audit(entries)
        substation.check_nothing_refused(self.first_questions)

    def check_words(self, was_full):
        """None of the three said that something is wrong."""
        for role in ROLES:
            with open(self.substation.path(f"{role}.log"), "rb") as file:
                file.seek(self.read_logs.get(role, 0))
                text = file.read()
            self.read_logs[role] = self.read_logs.get(role, 0) + len(text)
            for line in text.replace(self.directory.encode(), b"").splitlines():
                if not was_full and any(word in line.lower() for word in BAD_WORDS):
                    raise Wrong(f"the {role} says: {line.decode(errors='replace')}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("binaries", help="directory of tallyd, tally, tally-sim and tally-collector")
    parser.add_argument("work", help="directory for everything; what is there is removed")
    parser.add_argument("cycles", nargs="?", type=int, default=50, help="how many, of all lanes together")
    parser.add_argument("--seed", type=int, help="draws the plans; printed, a random one else")
    parser.add_argument("--lanes", type=int, default=2, help="substations side by side")
    parser.add_argument("--port", type=int, default=9000, help="the first TCP port; ten for each lane")
    parser.add_argument("--fresh", type=int, default=25, help="cycles of a lane before its next substation")
    parser.add_argument("--lines", type=int, default=2, help="fast lines of a substation, beside a slow one")
    parser.add_argument("--meters", type=int, default=10, help="meters of a fast line")
    parser.add_argument("--period", type=int, default=100, help="ms between two readings of a fast meter")
    parser.add_argument("--full-disk", action="store_true", help="as root: on small file systems, which fill")
    parser.add_argument("--clock-steps", action="store_true", help="set the gateway's clock too; takes a C compiler")
    parser.add_argument("--verifier", help="a further verifier of the collector's half: LOG_VKEY MIRROR_VKEY DIR")
    options = parser.parse_args()
    options.binaries = os.path.abspath(options.binaries)
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    begun = time.monotonic()
    print(f"seed {options.seed}, {options.cycles} cycles in {options.lanes} lanes", flush=True)
    results = multiprocessing.Queue()
    lanes = []
    for number in range(options.lanes):
        cycles = options.cycles // options.lanes + (number < options.cycles % options.lanes)
        lane = Lane(options, number, cycles, results)
        lanes.append(multiprocessing.Process(target=lane.run))
        lanes[-1].start()
    outcomes = [results.get() for _ in lanes]
    for lane in lanes:
        lane.join()
    total = {key: sum(counts[key] for _, _, counts in outcomes) for key in outcomes[0][2]}
    bad = sorted(number for number, good, _ in outcomes if not good)
    print(
        f"{total['cycles']} cycles in {time.monotonic() - begun:.0f} s, {total['entries']} entries kept; kills: "
        f"gateway {total['gateway']}, collector {total['collector']}, simulator {total['simulator']}, "
        f"of these in recovery {total['recovering']}; link cuts {total['links']}; "
        + (f"disks full {total['full']}; " if options.full_disk else "")
        + (f"clock steps {total['clock']}; " if options.clock_steps else "")
        + (f"FAILED in lanes {bad}, seed {options.seed}" if bad else "nothing lost, nothing doubled"))
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
