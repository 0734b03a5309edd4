"""The kernel's view of the log's files against what the gateway asked of its storage.

    strace_equality.py BIN_DIRECTORY WORK_DIRECTORY

First `tally-sim run --storage` simulates a gateway that is stopped and started again, and does all that the shipped
agent asks of its storage on files too, through the driver that `tallyd` has. It lists the calls; strace lists what the
kernel was asked for. Below stands which system calls each call of `BlockStorage` means, written from the contract and
not from the driver: flags, offsets, lengths, and every fsync of a file and of a directory. Both lists must be equal.
The files must be those of the simulated disk, byte for byte.

Then a real `tallyd` runs, ends and starts again. Nobody lists its calls: they are told from the first system call of
each. Translated again, they must give everything that the kernel was asked for. What is written in place is read
back next.

The exit code is 1 when the lists differ.
"""

import argparse
import filecmp
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from substation import REPOSITORY, Failure

CALLS = ("openat,open,creat,close,read,write,readv,writev,pread64,pwrite64,preadv,pwritev,preadv2,pwritev2,fsync,fdatasync,"
         "sync_file_range,syncfs,rename,renameat,renameat2,unlink,unlinkat,link,linkat,mkdir,mkdirat,rmdir,truncate,"
         "ftruncate,fallocate,fadvise64,mmap,newfstatat,stat,lstat,statx,chmod,fchmod")
LINE = re.compile(r"^(?:\[pid +\d+\] |\d+ +)?(\w+)\((.*)\) += (-?\d+|0x[0-9a-f]+)(?:<([^>]*)>)?(?: (E\w+))?")
CHUNK = 64 << 10
OPEN_MAX = 4
# What the simulated gateway must have asked for at least, by the kind of the object.
DUE = {"size": ("super", "seg", "summary"), "range": ("",), "create": ("seg", "summary"),
       "read": ("super", "seg", "summary"), "write": ("super", "seg", "summary"),
       "publish": ("super", "tile", "documents"), "recycle": ("seg",), "prepare": ("seg",), "appear": ("seg",)}


class Table:
    """What the kernel should be asked for, by the calls of `BlockStorage`. It knows which files are open and which
    directories are there, as far as that changes what is asked."""

    def __init__(self, root, is_direct):
        self.root, self.is_direct = root, is_direct
        self.directories, self.files = set(), set()
        self.prepared = {}  # epoch: the name of what is being prepared
        self.opened = {}  # epoch: names, the one used last stands last
        self.events = []

    def path(self, epoch, name):
        return f"{self.root}/{epoch}/{name}" if name else f"{self.root}/{epoch}"

    def add(self, *event):
        self.events.append(event)

    def take(self, call):
        epoch, what, *rest = call
        name, *numbers = rest if rest else ("",)
        numbers = [int(number) for number in numbers]
        getattr(self, what)(epoch, name, *numbers)

    # MARK: the calls

    def open(self, epoch, _):
        self.finish(epoch)
        folder = self.path(epoch, "")
        for name in ("seg", "tile"):
            self.make_directory(self.path(epoch, name), is_synced=False)
        for path in (f"{folder}/seg", f"{folder}/tile", folder, self.root):
            self.sync_directory(path)
        self.list(folder)
        self.list(f"{folder}/seg")
        probe = f"{folder}/direct.tmp"
        self.add("openat", probe, "O_CREAT|O_DIRECT|O_DSYNC|O_RDWR|O_TRUNC")
        self.add("pwrite64", probe, 4096, 0)
        if self.is_direct:
            self.add("pread64", probe, 4096, 0)
        self.add("close", probe)
        self.add("unlink", probe)

    def finish(self, epoch):
        for name in self.opened.pop(epoch, []):
            self.add("close", self.path(epoch, name))
        self.discard(epoch)

    def size(self, epoch, name):
        self.add("stat", self.path(epoch, name))

    def range(self, epoch, _):
        self.list(self.path(epoch, "seg"))

    def create(self, epoch, name, count):
        self.publish(epoch, name, count, CHUNK)

    def publish(self, epoch, name, count, chunk=1 << 40):
        self.close(epoch, name)
        path = self.path(epoch, name)
        if name.startswith("tile/"):
            self.make_directory(os.path.dirname(path), is_synced=True)
        self.add("openat", f"{path}.tmp", "O_CREAT|O_TRUNC|O_WRONLY")
        for start in range(0, count, chunk):
            self.add("pwrite64", f"{path}.tmp", min(chunk, count - start), start)
        self.add("fsync", f"{path}.tmp")
        self.add("close", f"{path}.tmp")
        self.add("rename", f"{path}.tmp", path)
        self.sync_directory(os.path.dirname(path))
        self.files.add(path)

    def read(self, epoch, name, offset, count):
        if not self.use(epoch, name):
            return
        if not self.is_direct:
            self.add("fadvise64", self.path(epoch, name))
        self.add("pread64", self.path(epoch, name), count, offset)

    def write(self, epoch, name, offset, count):
        if self.use(epoch, name):
            self.add("pwrite64", self.path(epoch, name), count, offset)

    def prepare(self, epoch, name, offset, count):
        path = f"{self.path(epoch, name)}.tmp"
        if self.prepared.get(epoch) != name:
            self.discard(epoch)
            self.add("openat", path, "O_CREAT|O_TRUNC|O_WRONLY")
            self.prepared[epoch] = name
        if count:
            self.add("pwrite64", path, count, offset)

    def appear(self, epoch, name, count):
        self.close(epoch, name)
        path = self.path(epoch, self.prepared.pop(epoch))
        self.add("ftruncate", f"{path}.tmp", count)
        self.add("fsync", f"{path}.tmp")
        self.add("close", f"{path}.tmp")
        self.add("rename", f"{path}.tmp", path)
        self.sync_directory(os.path.dirname(path))
        self.files.add(path)

    def discard(self, epoch):
        """Forgets what was being prepared."""
        if epoch in self.prepared:
            path = f"{self.path(epoch, self.prepared.pop(epoch))}.tmp"
            self.add("close", path)
            self.add("unlink", path)

    def remove(self, epoch, name):
        self.close(epoch, name)
        if self.prepared.get(epoch) == name:
            self.discard(epoch)
        path = self.path(epoch, name)
        self.add("unlink", path)
        if path in self.files:
            self.files.remove(path)
            self.sync_directory(os.path.dirname(path))

    def recycle(self, epoch, name, number):
        self.close(epoch, name)
        old, new = self.path(epoch, name), self.path(epoch, f"seg/{number:016x}.seg")
        self.add("rename", old, new)
        if old in self.files:
            self.files.remove(old)
            self.files.add(new)
            self.sync_directory(os.path.dirname(new))

    # MARK: what they are made of

    def use(self, epoch, name):
        """Opens a file, or says that there is none."""
        names = self.opened.setdefault(epoch, [])
        if name in names:
            names.remove(name)
            names.append(name)
            return True
        path = self.path(epoch, name)
        direct = "O_DIRECT|" if self.is_direct and re.match(r"super\.|summary\.|seg/", name) else ""
        self.add("openat", path, f"{direct}O_DSYNC|O_RDWR")
        if path not in self.files:
            return False
        self.add("fsync", path)
        if len(names) == OPEN_MAX:
            self.add("close", self.path(epoch, names.pop(0)))
        names.append(name)
        return True

    def close(self, epoch, name):
        if name in self.opened.get(epoch, []):
            self.opened[epoch].remove(name)
            self.add("close", self.path(epoch, name))

    def list(self, path):
        self.add("openat", path, "O_DIRECTORY|O_NONBLOCK|O_RDONLY")
        self.add("close", path)

    def sync_directory(self, path):
        self.add("openat", path, "O_DIRECTORY|O_RDONLY")
        self.add("fsync", path)
        self.add("close", path)

    def make_directory(self, path, is_synced):
        """Made if it is not there, and those above it first; a name that appeared in the log is made durable."""
        self.add("mkdir", path)
        if path in self.directories:
            if not is_synced:
                self.add("stat", path)
            return
        parent = os.path.dirname(path)
        if parent not in self.directories:
            self.make_directory(parent, is_synced)
            self.add("mkdir", path)
        self.directories.add(path)
        if is_synced:
            self.sync_directory(parent)


def trace(command, environment, output):
    """Starts `command` under strace."""
    strace = ["strace", "-f", "-y", "-s", "0", "-e", f"trace={CALLS}", "-e", "signal=none", "-o", output]
    return subprocess.Popen(strace + command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def seen(root, output):
    """What the kernel was asked for below `root`."""
    events, begun = [], {}
    with open(output) as file:
        for line in file:
            # A call during which another thread made one stands in two lines.
            pid = line.split(" ", 1)[0]
            if line.endswith("<unfinished ...>\n"):
                begun[pid] = line[:-len("<unfinished ...>\n")].rstrip()
                continue
            resumed = re.match(r"\d+ +<\.\.\. \w+ resumed>", line)
            if resumed:
                line = begun.pop(pid) + line[resumed.end():]
            if f"{root}/" not in line and f"{root}>" not in line and f'{root}"' not in line:
                continue
            match = LINE.match(line)
            if not match:
                raise Failure(f"a line of strace that nobody understands: {line}")
            event = read_event(match, line)
            if event and any(isinstance(part, str) and part.startswith(root) for part in event):
                events.append(event)
    return events


def read_event(match, line):
    name, arguments, _, _, _ = match.groups()
    paths = re.findall(r'"([^"]*)"', arguments)
    descriptor = re.match(r"\d+<([^>]*)>", arguments)
    numbers = re.findall(r"\b\d+\b", arguments.split("...", 1)[-1])
    if name == "openat":
        flags = [flag for flag in arguments.split(", ")[2].split("|") if flag not in ("O_CLOEXEC", "O_NOCTTY")]
        return ("openat", paths[0], "|".join(sorted(flags)))
    if name in ("pwrite64", "pread64"):
        return (name, descriptor.group(1), int(numbers[-2]), int(numbers[-1]))
    if name in ("newfstatat", "stat", "statx"):
        # That of a descriptor belongs to opendir.
        return ("stat", paths[0]) if paths and paths[0] else None
    if name == "ftruncate":
        return (name, descriptor.group(1), int(numbers[-1]))
    if name in ("fsync", "close", "fadvise64"):
        return (name, descriptor.group(1)) if descriptor else None
    if name in ("rename", "unlink", "mkdir"):
        return (name, *paths)
    raise Failure(f"nothing of this kind should be done with a log: {line}")


def told(root, events):
    """The calls of `BlockStorage` that begin with these system calls, of an agent on one log at a time."""
    calls, at = [], 0

    def place(path):
        epoch, _, name = path[len(root) + 1:].partition("/")
        return epoch, name

    while at < len(events):
        name, path, *rest = events[at]
        epoch, file = place(path)
        if name == "mkdir" and file == "seg":
            calls.append((epoch, "open"))
            while events[at][:2] != ("unlink", f"{root}/{epoch}/direct.tmp"):
                at += 1
        elif name == "stat":
            calls.append((epoch, "size", file))
        elif name == "openat" and "O_NONBLOCK" in rest[0]:
            calls.append((epoch, "range"))
            at += 1
        elif path.endswith(".tmp") and name == "openat" and "O_CREAT" in rest[0]:
            writes = [event for event in events[at + 1:events.index(("rename", path, path[:-4]), at)] if event[0] == "pwrite64"]
            what = "create" if re.match("seg/|summary", file) else "publish"
            calls.append((epoch, what, file[:-4], sum(event[2] for event in writes)))
            while events[at] != ("rename", path, path[:-4]):
                at += 1
            # The directory's fsync, if it is there.
            while at + 1 < len(events) and events[at + 1][1] == os.path.dirname(path) and events[at + 1][-1] != "O_DIRECTORY|O_NONBLOCK|O_RDONLY":
                at += 1
        elif name in ("pread64", "pwrite64"):
            calls.append((epoch, "read" if name == "pread64" else "write", file, rest[1], rest[0]))
        at += 1
    return calls


def compare(expected, found, what):
    for number, (left, right) in enumerate(zip(expected + [("nothing",)], found + [("nothing",)])):
        if left != right:
            before = "".join(f"    {event}\n" for event in found[max(0, number - 6):number])
            raise Failure(f"{what}, operation {number}: due {left}, the kernel was asked for {right}; before it\n{before}")


def is_direct(events, root):
    return any(event[0] == "pread64" and event[1].endswith("direct.tmp") for event in events)


def simulated(binaries, directory):
    """A simulated gateway on files in memory: what is asked for is the same as on a disk, which would take a minute."""
    memory = tempfile.mkdtemp(prefix="strace-equality-", dir="/dev/shm" if os.path.isdir("/dev/shm") else directory)
    try:
        simulated_on(memory, binaries, directory)
    finally:
        shutil.rmtree(memory)


def simulated_on(memory, binaries, directory):
    root = os.path.join(memory, "log")
    os.makedirs(root)
    faults = os.path.join(directory, "faults.yaml")
    with open(faults, "w") as file:
        file.write("version: 1\nagent-killed: 96\nagent-stopped: 96\n")
    output = os.path.join(directory, "strace.txt")
    # A drawn site whose quota is full within the hour, so that segments are given up, with 65,536 entries and more,
    # which make a tile full.
    process = trace([
        os.path.join(binaries, "tally-sim"), "run", "--seed", "20", "--devices", "64", "--hours", "4", "--faults", faults,
        "--storage", memory, "--out", os.path.join(directory, "out")], dict(os.environ, LANG="C"), output)
    _, said = process.communicate(timeout=120)
    if process.returncode != 0:
        raise Failure(f"tally-sim run ended with {process.returncode}: {said}")
    with open(os.path.join(memory, "operations")) as file:
        calls = [line.split() for line in file]
    found = seen(root, output)
    table = Table(root, is_direct(found, root))
    table.directories.add(root)
    for call in calls:
        table.take(call)
    for epoch in list(table.opened | table.prepared):
        table.finish(epoch)
    compare(table.events, found, "tally-sim")
    same(os.path.join(directory, "out/gateway/log"), root)
    starts = sum(call[1] == "open" for call in calls)
    kinds = {(call[1], re.match(r"[a-z]+", call[2])[0] if len(call) > 2 else "") for call in calls}
    due = {(what, name) for what, names in DUE.items() for name in names}
    if starts < 3 or not due <= kinds:
        raise Failure(f"the workload is too small: {starts} starts, no {sorted(due - kinds)}")
    print(f"simulated gateway: {len(calls)} calls of storage, {starts} starts, are {len(found)} operations of the kernel")


def same(left, right):
    """Both hold the same files with the same bytes."""
    names = [sorted(
        os.path.relpath(os.path.join(folder, name), top) for folder, _, files in os.walk(top) for name in files)
        for top in (left, right)]
    if names[0] != names[1]:
        raise Failure(f"other files: {set(names[0]) ^ set(names[1])}")
    for name in names[0]:
        if not filecmp.cmp(os.path.join(left, name), os.path.join(right, name), shallow=False):
            raise Failure(f"{name} is not what the simulated disk has")


def real(binaries, directory):
    """A real agent: it starts, commits and signs, ends in good order, starts again and is killed."""
    data, root = os.path.join(directory, "data"), os.path.join(directory, "data", "log")
    os.makedirs(os.path.join(data, "keys"))
    with open(os.path.join(data, "keys", "mirror.vkey"), "w") as file:
        # The vector key of mirror.md; no collector runs here.
        file.write("collector.example/m1+6e25293f+BPvZ8d3n5Z98qP5pHEb21pnO6SwdwjNBRvT+pDpeTFQZ\n")
    table, found, call_count = None, [], 0
    for number, end in enumerate((signal.SIGTERM, signal.SIGKILL)):
        output = os.path.join(directory, f"strace-{number}.txt")
        process = trace([
            os.path.join(binaries, "tallyd"), "--site", os.path.join(REPOSITORY, "boards/native/sim/site.yaml"),
            "--data", data], dict(os.environ, LANG="C", TALLYSTICK_DEV=directory), output)
        time.sleep(5)
        with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
            os.kill(int(file.read().split()[0]), end)
        _, said = process.communicate(timeout=30)
        events = changing(seen(root, output))
        table = table or Table(root, is_direct(events, root))
        table.directories.add(data)
        table.opened, table.events = {}, []
        calls = told(root, events)
        for call in calls:
            table.take(call)
        compare(without_ends(changing(table.events)), without_ends(events), f"tallyd, start {number + 1}: {said[-300:]}")
        for call, following in zip(calls, calls[1:] + [None]):
            if call[1] in ("write", "publish") and call[2] != "documents":
                rest = call[3:] if call[1] == "write" else (0, call[3])
                if following != (call[0], "read", call[2], *rest):
                    raise Failure(f"tallyd, start {number + 1}: {call} is not read back, but followed by {following}")
        writes = sum(call[1] == "write" for call in calls)
        if writes < 3:
            raise Failure(f"tallyd, start {number + 1}: only {writes} writes: {said}")
        found += events
        call_count += len(calls)
    print(f"tallyd: {len(found)} operations of the kernel on the log are {call_count} calls of storage")


def changing(events):
    """Those that are no look at names: which epoch is the newest, nobody asks the storage."""
    left, at = [], 0
    while at < len(events):
        if events[at][0] == "openat" and "O_NONBLOCK" in events[at][2]:
            at += 2
            continue
        if events[at][0] != "stat":
            left.append(events[at])
        at += 1
    return left


def without_ends(events):
    """Without the files that are closed when the agent ends."""
    while events and events[-1][0] == "close":
        events = events[:-1]
    return events


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binaries")
    parser.add_argument("directory")
    options = parser.parse_args()
    if not shutil.which("strace"):
        raise Failure("strace is missing: scripts/setup --tests installs it")
    binaries, directory = os.path.abspath(options.binaries), os.path.abspath(options.directory)
    shutil.rmtree(directory, ignore_errors=True)
    for name, part in (("simulated", simulated), ("real", real)):
        os.makedirs(os.path.join(directory, name))
        part(binaries, os.path.join(directory, name))


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        print(f"FAILED: {failure}")
        sys.exit(1)
