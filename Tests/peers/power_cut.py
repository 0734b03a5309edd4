"""Cuts the power of a computer on which the gateway runs, again and again, and looks at every disk that such a cut
may leave.

    power_cut.py BIN_DIRECTORY KERNEL_DIRECTORY WORK_DIRECTORY [CUTS] [options]     see --help

The computer is QEMU with Debian's kernel; the gateway's data lie on ext4 on its disk, and every write to that disk is
logged (`machine.py`, `write_log.py`). The collector runs outside, so that it remembers what it acknowledged. A cut is
SIGKILL to QEMU, at a moment drawn from the seed: while the gateway recovers, or while it works. Of the writes since
the last flush some are lost then and some are torn, and with that disk the computer starts again.

Further states of the disk are made from the log of the same run: as it was at a flush, or after any number of
writes, again with some of those since the flush before lost. What the collector had acknowledged by then is known,
because its checkpoint was read together with the length of the log, all the time. Of each state, on a file system
mounted from it:

  * the signed size is not below what was acknowledged, and the entries up to there are those of the collector
  * `tally verify` finds nothing, as the cut left it, and nothing after recovery: a real `tallyd` that starts on it
    offline, and ends in good order. (It finds a superblock that is torn; that is asked only after recovery.)
  * recovery keeps every committed entry where it was, and signs no less than before
  * ext4 is sound

After each cut the collector's half is audited as by the crash loop: no fork, no other root at any size ever seen,
each slot once or explained, each reading once. `--lying-disk` makes states of a drive that did not write what it
said: these must be found, and the exit code is 1.
"""

import argparse
import concurrent.futures
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import types

import log_audit
from crash_loop import Promises
from evidence import entries_of_journal, entries_of_tiles, superblocks
from log_audit import Wrong
from loop_disk import demand_root, mounts, run, unmount_below
from machine import HOST, Machine
from substation import Failure, Settings, Substation, die_with_parent
from write_log import WriteLog, draw_fates

DISK_MIB = 48
BOOT_WITHIN = 180  # seconds; an emulated processor beside others' builds
IN_FLIGHT = 64  # blocks of 4 KiB that QEMU may have written and not logged when it dies
LIE = 80  # operations that a lying drive has not done


class Watch:
    """What the collector had acknowledged when the log of writes had a length."""

    def __init__(self, mirrored, log):
        self.mirrored, self.log = mirrored, log
        self.samples = []
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.look)
        self.thread.start()

    def size(self):
        found = self.mirrored.checkpoint()
        return found[0] if found else 0

    def look(self):
        while not self.is_over.wait(0.002):
            # In this order: a cut at this length or behind it comes after this acknowledgement.
            size = self.size()
            length = os.path.getsize(self.log)
            if not self.samples or self.samples[-1][1] != size:
                self.samples.append((length, size))

    def close(self):
        """Waits for the collector to be done with what the machine had sent; what it holds then."""
        size = None
        while size != self.size():
            size = self.size()
            time.sleep(0.3)  # nothing tells that nothing more is to come
        self.is_over.set()
        self.thread.join()
        return size

    def acknowledged(self, length):
        return max((size for at, size in self.samples if at <= length), default=0)


class State:
    """A disk as a cut may leave it."""

    def __init__(self, label, log, base, count, fates, acknowledged):
        self.label, self.log, self.base, self.count, self.fates = label, log, base, count, fates
        self.acknowledged = acknowledged

    def make(self, image):
        self.log.replay(self.base, image, self.count, self.fates)


class Inspection:
    """Looks at states, one at a time, away from the machine."""

    def __init__(self, substation, work):
        self.substation = substation
        self.image, self.point = os.path.join(work, "state.img"), os.path.join(work, "state")
        self.gateway = os.path.join(self.point, "gateway")
        self.log = os.path.join(self.gateway, "log/1")
        self.environment = dict(substation.environment, TALLYSTICK_DEV=os.path.join(work, "no-lines"))
        self.output = os.path.join(work, "offline.log")

    def look(self, state, held, seen=None):
        """Raises `Wrong`. `held` are the collector's entries; `seen` is told of the mounted log, as the cut
        left it. Gives how many entries are signed and recorded in it."""
        state.make(self.image)
        os.makedirs(self.point, exist_ok=True)
        run("mount", "-o", "loop", self.image, self.point)
        try:
            if seen:
                seen()
            result = self.look_at_log(state.acknowledged, held)
        finally:
            run("umount", self.point)
        done = subprocess.run(["/usr/sbin/e2fsck", "-fn", self.image], capture_output=True, text=True)
        if done.returncode != 0:
            raise Wrong(f"e2fsck ends with {done.returncode}: {done.stdout}{done.stderr}")
        return result

    def look_at_log(self, acknowledged, held):
        signed, entries = self.read()
        if signed < acknowledged:
            raise Wrong(f"{acknowledged} entries were acknowledged, and {signed} are signed on the disk")
        if entries[:acknowledged] != held[:acknowledged]:
            raise Wrong(f"entries below {acknowledged}, which were acknowledged, are not those of the collector")
        if len(superblocks(self.log)) == 2 and signed:
            self.verify("as the cut left it")
        self.recover()
        again, recovered = self.read()
        if again < signed:
            raise Wrong(f"recovery took the signed size back from {signed} to {again}")
        if recovered[:len(entries)] != entries:
            raise Wrong("recovery changed committed entries")
        self.verify("after recovery")
        return signed, len(entries)

    def read(self):
        """Signed size and committed entries, which are at least as many."""
        if not os.path.isdir(os.path.join(self.log, "seg")):
            return 0, []
        found = log_audit.promised(self.log)
        signed = found[0][0] if found and found[0] else 0
        try:
            entries = entries_of_journal(self.log)
        except AssertionError as error:
            raise Wrong(f"a frame is not what its format demands: {error}") from None
        if len(entries) < signed:
            raise Wrong(f"{signed} entries are signed, and {len(entries)} are there")
        return signed, entries

    def verify(self, when):
        problem = self.substation.verify(self.gateway)
        if problem:
            raise Wrong(f"{when}: {problem}")

    def recover(self):
        """A start without lines and without any network, to its first entries, and its end."""
        with open(self.output, "wb") as output:
            process = subprocess.Popen(
                ["unshare", "--net", os.path.join(self.substation.binaries, "tallyd"), "--site",
                 self.substation.path("site.yaml"), "--data", self.gateway],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=self.environment,
                preexec_fn=die_with_parent)
            deadline = time.monotonic() + 60
            while process.poll() is None and b": polling " not in self.said() and time.monotonic() < deadline:
                time.sleep(0.02)
            process.send_signal(signal.SIGTERM)
            try:
                code = process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
        if code != 0 or b": polling " not in self.said():
            raise Wrong(f"recovery ended with {code}: {self.said().decode(errors='replace')}")

    def said(self):
        with open(self.output, "rb") as file:
            return file.read()


class PowerCuts:
    def __init__(self, options):
        self.options, self.work = options, options.work
        self.substation = Substation(options.binaries, self.work, options.port, Settings(
            lines=1, meters=8, period=250, slow_meters=1, commit=150, checkpoint=400, segment=1 << 15))
        self.move_collector_out()
        self.disk, self.base = os.path.join(self.work, "disk.img"), os.path.join(self.work, "base.img")
        self.make_disk()
        self.machine = Machine(options.kernel, self.work, self.substation)
        self.inspection = Inspection(self.substation, self.work)
        mounted = types.SimpleNamespace(mirrored=self.substation.mirrored, log=self.inspection.log)
        self.promises = Promises(mounted)
        self.first_questions = 0
        self.failures, self.counts = [], dict.fromkeys(("states", "flushes", "lost", "volatile"), 0)

    def move_collector_out(self):
        """The guest's name for the host's loopback."""
        with open(self.substation.path("site.yaml")) as file:
            text = file.read()
        self.substation.write("site.yaml", text.replace("127.0.0.1", HOST))

    def make_disk(self):
        with open(self.disk, "wb") as file:
            file.truncate(DISK_MIB << 20)
        staged = os.path.join(self.work, "staged")
        os.makedirs(staged)
        shutil.move(self.substation.gateway, staged)
        run("mkfs.ext4", "-q", "-F", "-b", "4096", "-d", staged, self.disk)

    # MARK: a cut

    def cut(self, number, inspector):
        """Boots, cuts, and begins to look at what that left; gives that work and what the table says."""
        random_ = random.Random(f"{self.options.seed}/{number}")
        begun = time.monotonic()
        log_path = os.path.join(self.work, f"writes-{number}.log")
        base = f"{self.base}.{number}"
        os.replace(self.disk, base)
        run("cp", "--sparse=always", base, self.disk)
        held_before = Watch.size(types.SimpleNamespace(mirrored=self.substation.mirrored))
        self.machine.start(self.disk, log_path)
        watch = Watch(self.substation.mirrored, log_path)
        try:
            when = self.await_moment(random_, watch, held_before)
            self.machine.cut()
        finally:
            self.machine.cut()
            held = watch.close()
        if not held_before:
            # While nothing is acknowledged, a gateway asks where the mirror stands before it offers anything.
            self.first_questions = self.substation.relay.answers["/add-entries", 422]
        log = WriteLog(log_path)
        self.check_replay(log, base)
        states = self.draw_states(random_, log, base, watch, held)
        real = states[0]
        real.make(self.disk)  # with this the machine starts again
        self.audit_collector()
        entries = entries_of_tiles(self.substation.mirrored.directory, held) if held else []
        work = inspector.submit(self.inspect, number, states, entries)
        return work, (number, when, len(log.operations), len(log.flushes), held, begun)

    def await_moment(self, random_, watch, held_before):
        """Sleeps until the moment of the cut; says what it is."""
        if random_.random() < 0.35:
            self.wait("the guest mounts its disk", lambda: "guest: mounts the disk" in self.machine.said())
            phase, most = "after the mount", 3
        else:
            self.wait("entries of this boot are acknowledged", lambda: watch.size() > held_before)
            phase, most = "at work", 6
        after = random_.uniform(0, most)
        time.sleep(after)
        if random_.random() < 0.5:
            return f"{after:.1f} s {phase}"
        # Most of the time nothing is written: half of the cuts come as soon as something is.
        length = os.path.getsize(watch.log)
        self.wait("something is written", lambda: os.path.getsize(watch.log) != length, every=0.0005)
        return f"{after:.1f} s {phase}, a write"

    def wait(self, what, condition, every=0.01):
        deadline = time.monotonic() + BOOT_WITHIN
        while not condition():
            self.machine.check_running()
            self.substation.check_running()
            if time.monotonic() > deadline:
                raise Failure(f"{what}: not within {BOOT_WITHIN} s\n{self.machine.said()[-3000:]}")
            time.sleep(every)

    def check_replay(self, log, base):
        """All that was logged is all that was written, but for what was under way at the cut."""
        log.replay(base, self.inspection.image + ".whole", len(log.operations))
        count = 0
        with open(self.inspection.image + ".whole", "rb") as one, open(self.disk, "rb") as other:
            while True:
                pieces = one.read(4096), other.read(4096)
                if not any(pieces):
                    break
                count += pieces[0] != pieces[1]
        if count > IN_FLIGHT:
            raise Failure(f"the log of writes lacks {count} blocks that are on the disk")

    def draw_states(self, random_, log, base, watch, held):
        """The state that is gone on with, and others of the same run."""
        count = len(log.operations)
        states = [self.state(random_, "the cut itself", log, base, count, held)]
        flushes = log.flushes if self.options.every_flush else random_.sample(
            log.flushes, min(len(log.flushes), self.options.states // 2))
        others = self.options.states - self.options.states // 2
        points = [("at a flush", number + 1) for number in sorted(flushes)]
        points += [("between flushes", self.draw_between(random_, log)) for _ in range(others)]
        for label, point in points:
            acknowledged = watch.acknowledged(log.end(point))
            if self.options.lying_disk:
                point = max(0, point - LIE)
            states.append(self.state(random_, label, log, base, point, acknowledged))
        return states

    @staticmethod
    def draw_between(random_, log):
        """A place between two flushes; rather where much was written between them."""
        spans, begin = [], 0
        for number in log.flushes + [len(log.operations)]:
            spans.append((begin, number))
            begin = number + 1
        first, last = random_.choices(spans, [1e-6 + last - first for first, last in spans])[0]
        return random_.randint(min(first + 1, last), last)

    def state(self, random_, label, log, base, count, acknowledged):
        volatile = log.volatile(count)
        fates = draw_fates(random_, volatile)
        self.counts["volatile"] += len(volatile)
        self.counts["lost"] += len(fates)
        self.counts["states"] += 1
        self.counts["flushes"] += label == "at a flush"
        return State(
            f"{label}, {count} of {len(log.operations)} operations, {len(fates)} of {len(volatile)} lost or torn",
            log, base, count, fates, acknowledged)

    # MARK: what it left

    def inspect(self, number, states, held):
        """All states of a cut; signed size and entries on the disk that is gone on with."""
        first = None
        for place, state in enumerate(states):
            try:
                found = self.inspection.look(state, held, self.promises.see_gateway if place == 0 else None)
                first = first or found
            except (Wrong, ValueError) as wrong:
                kept = os.path.join(self.work, f"failed-{number}-{place}.img")
                state.make(kept)
                self.failures.append(f"cut {number}, {state.label}: {wrong}\n  kept in {kept}")
        os.remove(states[0].base)
        os.remove(states[0].log.path)
        return first or (0, 0)

    def audit_collector(self):
        """The collector's half while nobody sends anything."""
        substation = self.substation
        if not self.promises.see_checkpoint():
            return
        substation.mirrored.audit(self.promises.roots)
        entries = substation.mirrored.entries
        entries.check_slots()
        substation.wait("what was acknowledged is decoded", lambda: substation.readings.cursor() >= entries.count, 60)
        substation.readings.audit(entries)
        problem = substation.verify(substation.collector)
        if problem:
            raise Wrong(problem)
        substation.check_nothing_refused(self.first_questions)

    # MARK: all of them

    def run(self):
        self.substation.start("collector")
        print(f"{'cut':>4} {'power was cut':<29} {'writes':>7} {'flushes':>7} {'acknowledged':>12} "
              f"{'signed':>7} {'recorded':>8} {'seconds':>7}", flush=True)
        pending = None
        # States of one cut are looked at while the machine boots for the next.
        with concurrent.futures.ThreadPoolExecutor(1) as inspector:
            for number in range(1, self.options.cuts + 1):
                begun = self.cut(number, inspector)
                self.tell(pending)
                pending = begun
            self.tell(pending)

    def tell(self, pending):
        """A row of the table, when the states of that cut have been looked at."""
        if not pending:
            return
        work, (number, when, operations, flushes, held, begun) = pending
        signed, entries = work.result()
        print(f"{number:>4} {when:<29} {operations - flushes:>7} {flushes:>7} {held:>12} {signed:>7} {entries:>8} "
              f"{time.monotonic() - begun:>7.1f}", flush=True)

    def close(self):
        self.machine.cut()
        self.substation.close()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("binaries", help="directory of tallyd, tally, tally-sim and tally-collector")
    parser.add_argument("kernel", help="directory into which Debian's package of the kernel was unpacked")
    parser.add_argument("work", help="directory for everything; what is there is removed")
    parser.add_argument("cuts", nargs="?", type=int, default=20)
    parser.add_argument("--seed", type=int, help="draws moments and states; printed, a random one else")
    parser.add_argument("--states", type=int, default=8, help="further states of the disk for each cut")
    parser.add_argument("--every-flush", action="store_true", help="and one at each flush of a run, which takes hours")
    parser.add_argument("--lying-disk", action="store_true", help="states of a drive that lies, which must be found")
    parser.add_argument("--port", type=int, default=9200, help="the first of two TCP ports")
    options = parser.parse_args()
    demand_root()
    for name in ("binaries", "kernel", "work"):
        setattr(options, name, os.path.abspath(getattr(options, name)))
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    unmount_below(options.work)
    Substation.remove(options.work)
    os.makedirs(os.path.join(options.work, "no-lines"))
    begun = time.monotonic()
    print(f"seed {options.seed}, {options.cuts} cuts", flush=True)
    cuts = PowerCuts(options)
    try:
        cuts.run()
    except (Failure, Wrong) as failure:
        cuts.failures.append(f"{failure}\n{cuts.machine.said()[-2000:]}")
    finally:
        cuts.close()
        if any(point.startswith(options.work + "/") for _, point in mounts()):
            unmount_below(options.work)
    for failure in cuts.failures:
        print(f"FAILED: {failure}")
    counts = cuts.counts
    print(
        f"{options.cuts} cuts in {time.monotonic() - begun:.0f} s, {cuts.promises.cosigned} entries acknowledged; "
        f"{counts['states']} states of the disk, {counts['flushes']} of them at a flush; of {counts['volatile']} "
        f"writes that were not flushed {counts['lost']} lost or torn; "
        + (f"{len(cuts.failures)} FAILED, seed {options.seed}" if cuts.failures else "nothing lost, nothing doubled"))
    sys.exit(1 if cuts.failures else 0)


if __name__ == "__main__":
    main()
