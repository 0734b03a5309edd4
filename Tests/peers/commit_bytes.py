"""Counts the bytes that a block device is given for each group commit of the gateway, and what SQLite writes for
the same entries.

    commit_bytes.py BIN_DIRECTORY WORK_DIRECTORY [--seconds N] [--mount OPTIONS]

Takes root: gateway and database have a disk each, ext4 over a loop device, and the kernel counts the sectors
(/sys/block/loopN/stat). At both ends of the time that counts the gateway stands still (SIGSTOP) and its disk is
synchronised, so that nothing that belongs to it is written later. No collector is reachable. Frames are read from
the journal as it lies there; superblocks are counted by their generation and subtracted, 4,096 bytes each; the one
segment was made before.

The database is Python's sqlite3 with journal_mode=WAL and synchronous=FULL, a table (idx INTEGER PRIMARY KEY, entry
BLOB), one transaction for the entries of each frame, written as soon as the frame is there. It is treated well:
before the count begins its write-ahead log has reached its full length and is overwritten in place from then on,
and what stands in it at the end is counted once more when it is brought home, as it would be by and by.

Two gateways run at the same time. The limit for each frame is its payload rounded up to 4 KiB, and 512 bytes:

  * with a commit every 50 ms all that the device was given must be within it
  * with a commit every 5 s, the default, all but the journal of ext4 must be

Every write sets the time of change of the file, and ext4 writes that to its own journal every 5 s (the mount
option `commit`) whatever the number of writes was: three blocks each time. They are little beside many commits
and more than the frame beside one. With the option `lazytime` Linux 6.1, Debian 12's, leaves them out until the
disk is unmounted; Linux 6.18 does not, because it counts a version of the inode with every change of its times
and takes that for more than a time (fs/inode.c, generic_update_time).

The exit code is 1 when a limit is passed.
"""

import argparse
import os
import signal
import sqlite3
import struct
import sys
import threading
import time

from evidence import bundle, newest_superblock
from loop_disk import LoopDisk, demand_root, unmount_below
from substation import Failure, Settings, Substation

BLOCK = 4096
ALLOWANCE = 512
# Of ext4's journal, each time: a descriptor, the block with the gateway's inodes, the commit record.
TRANSACTION = 3 * BLOCK
# That block of inodes at its own place, when the disk is synchronised at the end; as if there were two.
AT_HOME = 2 * BLOCK


def segment_mib(options):
    """One that the frames of a block each do not fill, for half as many again as there should be."""
    return 4 + int(options.seconds * (1000 / 50) * BLOCK * 1.5) // (1 << 20)


def blocks(count):
    """Bytes of the blocks that so many bytes take."""
    return -(-count // BLOCK) * BLOCK


class Journal:
    """The frames of the gateway's only segment, in their order. Reading leaves no time of access behind."""

    def __init__(self, directory):
        self.directory = directory
        self.at = BLOCK

    def segments(self):
        folder = os.path.join(self.directory, "seg")
        return sorted(os.listdir(folder)) if os.path.isdir(folder) else []

    def payloads(self):
        """Those of the frames that have come since the last call."""
        found = []
        names = self.segments()
        descriptor = os.open(os.path.join(self.directory, "seg", names[0]), os.O_RDONLY | os.O_NOATIME)
        try:
            while True:
                head = os.pread(descriptor, 44, self.at)
                if head[:4] != b"TSJF":
                    return found
                (length,) = struct.unpack("<I", head[28:32])
                found.append(os.pread(descriptor, length, self.at + 44))
                self.at += blocks(44 + length)
        finally:
            os.close(descriptor)

    def superblocks(self):
        """How many were ever written."""
        return struct.unpack("<Q", newest_superblock(self.directory)[8:16])[0]


class Database:
    """The same entries by SQLite."""

    def __init__(self, path):
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        run = self.connection.execute
        run("PRAGMA journal_mode=WAL")
        run("PRAGMA synchronous=FULL")
        run("CREATE TABLE entry (idx INTEGER PRIMARY KEY, entry BLOB NOT NULL)")
        # A log as long as it gets: SQLite brings it home after 1,000 pages and begins again at its start.
        run("CREATE TABLE before (page BLOB NOT NULL)")
        run("BEGIN")
        for _ in range(1100):
            run("INSERT INTO before VALUES (zeroblob(4000))")
        run("COMMIT")
        self.bring_home()
        self.count = 0

    def commit(self, entries):
        run = self.connection.execute
        run("BEGIN IMMEDIATE")
        for entry in entries:
            run("INSERT INTO entry VALUES (?, ?)", (self.count, entry))
            self.count += 1
        run("COMMIT")

    def bring_home(self):
        self.connection.execute("PRAGMA wal_checkpoint(FULL)").fetchall()

    def close(self):
        self.connection.close()


class Bench:
    """A gateway on one disk and the database on another."""

    def __init__(self, options, name, port, commit, meters, period):
        self.options, self.commit, self.database = options, commit, None
        self.opening = 0
        self.is_over = threading.Event()
        self.directory = os.path.join(options.work, name)
        os.makedirs(self.directory)
        self.disks = [self.disk("gateway"), self.disk("database")]
        self.substation = Substation(
            options.binaries, self.directory, port, Settings(
                lines=1, meters=meters, period=period, slow_meters=0, commit=commit, checkpoint=5000,
                segment=segment_mib(options) << 20))
        self.substation.relay.set("refuse")
        self.journal = Journal(self.substation.log)

    def disk(self, name):
        return LoopDisk(
            os.path.join(self.directory, f"{name}.img"), os.path.join(self.directory, name),
            segment_mib(self.options) + 48, self.options.mount)

    def start(self):
        self.substation.start("simulator")
        self.substation.wait(
            "the simulator is ready", lambda: "ready" in open(self.substation.path("simulator.log")).read(), 20)
        self.substation.start("gateway")
        self.database = Database(os.path.join(self.directory, "database/readings.sqlite"))

    def is_under_way(self):
        """The first entries are durable and signed, and a commit of readings has come after them."""
        status = self.substation.status()
        if status and status["log"]["signed"] > 0:
            self.opening = self.opening or status["log"]["size"]
            return status["log"]["size"] > self.opening
        return False

    def hold(self):
        """The gateway stands still, no thread of it inside a write. What its disk was given until then."""
        substation = self.substation
        substation.signal("gateway", signal.SIGSTOP)
        tasks = f"/proc/{substation.processes['gateway'].pid}/task"

        def is_stopped():
            stats = [open(f"{tasks}/{task}/stat").read() for task in os.listdir(tasks)]
            return all(stat.rpartition(")")[2].split()[0] == "T" for stat in stats)

        substation.wait("the gateway stops", is_stopped, 20)
        return self.disks[0].written()

    def begin(self):
        self.first = self.hold()
        self.transactions = self.disks[0].transactions()
        self.journal.payloads()
        self.segments = self.journal.segments()
        self.superblocks = self.journal.superblocks()
        self.database_first = self.disks[1].written()
        self.payloads = []
        self.follower = threading.Thread(target=self.follow)
        self.begun = time.monotonic()
        self.substation.signal("gateway", signal.SIGCONT)
        self.follower.start()

    def follow(self):
        while not self.is_over.wait(0.02):
            self.copy()

    def copy(self):
        for payload in self.journal.payloads():
            self.database.commit(bundle(payload))
            self.payloads.append(payload)

    def end(self):
        self.last = self.hold()
        self.took = time.monotonic() - self.begun
        self.transactions = self.disks[0].transactions() - self.transactions
        self.is_over.set()
        self.follower.join()
        self.copy()
        self.database.bring_home()
        self.database_last = self.disks[1].written()
        if self.journal.segments() != self.segments:
            raise Failure("a further segment was made meanwhile")
        self.superblocks = self.journal.superblocks() - self.superblocks
        self.substation.signal("gateway", signal.SIGCONT)
        self.substation.end("gateway")

    def report(self):
        """Prints what was counted; whether it is within the limit."""
        count = len(self.payloads)
        if not count:
            raise Failure("no group commit was made")
        payload = sum(map(len, self.payloads))
        entries = sum(len(bundle(payload)) for payload in self.payloads)
        frames = sum(blocks(44 + len(payload)) for payload in self.payloads)
        limit = sum(blocks(len(payload)) + ALLOWANCE for payload in self.payloads)
        written = self.last[0] - self.first[0] - self.superblocks * BLOCK
        theirs = self.database_last[0] - self.database_first[0]
        rest = written - frames
        print(
            f"a commit every {self.commit:,} ms: {count} commits of {entries} entries in {self.took:.0f} s, payload "
            f"{payload / count:,.0f} bytes each, {self.superblocks} superblocks\n"
            f"  gateway, bytes per commit   {written / count:10,.0f}   flushes "
            f"{(self.last[1] - self.first[1] - self.superblocks) / count:.2f}\n"
            f"    of them frames            {frames / count:10,.0f}\n"
            f"    and the journal of ext4   {rest / count:10,.0f}   {self.transactions} transactions, "
            f"{rest / self.took * 86_400 / 1e6:,.0f} MB a day\n"
            f"  limit                       {limit / count:10,.0f}\n"
            f"  SQLite, bytes per commit    {theirs / count:10,.0f}   flushes "
            f"{(self.database_last[1] - self.database_first[1]) / count:.2f}   {theirs / written:.2f} times as many")
        if self.commit > 1000:
            limit += self.transactions * TRANSACTION + AT_HOME
        if written > limit:
            print(f"commit_bytes: {written - limit:,} bytes more than the limit")
        return written <= limit

    def close(self):
        self.is_over.set()
        self.substation.close()
        if self.database:
            self.database.close()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("binaries", help="directory of tallyd, tally, tally-sim and tally-collector")
    parser.add_argument("work", help="directory for everything; what is there is removed")
    parser.add_argument("--seconds", type=float, default=20, help="how long is counted")
    parser.add_argument("--mount", default="relatime", help="mount options of both disks, e.g. commit=60")
    options = parser.parse_args()
    demand_root()
    options.binaries, options.work = os.path.abspath(options.binaries), os.path.abspath(options.work)
    unmount_below(options.work)
    Substation.remove(options.work)
    benches = []
    try:
        benches.append(Bench(options, "often", 9100, commit=50, meters=10, period=100))
        benches.append(Bench(options, "seldom", 9110, commit=5000, meters=2, period=100))
        for bench in benches:
            bench.start()
        for bench in benches:
            bench.substation.wait("it records", bench.is_under_way, 30)
        for bench in benches:
            bench.begin()
        time.sleep(options.seconds)  # the time itself is what is measured
        for bench in benches:
            bench.end()
        good = [bench.report() for bench in benches]
    finally:
        for bench in benches:
            bench.close()
        unmount_below(options.work)
    print(f"SQLite {sqlite3.sqlite_version}, Linux {os.uname().release}, mounted with {options.mount}")
    print(f"{sum(good)} passed, {len(good) - sum(good)} failed")
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
