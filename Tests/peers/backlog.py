"""What may happen to a gateway while the collector is away must not touch its backlog: a restart, an upgrade of the
binary, a change of the site, and a change of the collector. After each, every entry is at the collector once, under the
roots that were signed before.

    backlog.py BIN_DIRECTORY WORK_DIRECTORY

Prints "N passed, N failed"; the exit code is 1 when any failed.
"""

import os
import shutil
import signal
import subprocess
import sys
import tarfile

import log_audit
from bench import Checks
from substation import Failure, Settings, Substation

PORT = 8830
# A gateway's directory as the release of 2026-11-27 (commit 23444ab) left it, with a backlog.
FIXTURE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "backlog.tar.xz")


class Bench(Substation):
    """A substation whose gateway's binary, site and collector can be changed."""

    def __init__(self, binaries, directory):
        super().__init__(binaries, directory, PORT, Settings(lines=1, meters=6, period=100, slow_meters=0))
        self.roots = {}  # every root that was signed, by its size
        self.program = None

    def command(self, role):
        command = super().command(role)
        if role == "gateway" and self.program:
            command[0] = self.program
        return command

    def log_sizes(self):
        status = self.status()
        return status["log"] if status else None

    def note_signed(self):
        """Remembers what the gateway has signed; the size that is durable."""
        signed = log_audit.promised(self.log)[0]
        if signed:
            self.roots[signed[0]] = signed[1]
        return self.log_sizes()["size"]

    def backlog(self, at_least):
        """Waits until so many signed entries are not acknowledged."""
        self.wait("a backlog grows", lambda: (log := self.log_sizes()) and
                  log["signed"] >= log["acknowledged"] + at_least, 15)
        return self.note_signed()

    def restart(self, number=signal.SIGTERM):
        process = self.processes.pop("gateway")
        process.send_signal(number)
        code = process.wait(30)
        if number == signal.SIGTERM and code != 0:
            raise Failure(f"the gateway ended with {code}")
        before = log_audit.promised(self.log)[0]
        self.roots[before[0]] = before[1]
        self.start("gateway")
        self.wait("the gateway runs again", self.log_sizes, 15)
        return before[0]

    def everything_arrives(self, size):
        """Starts the collector; what is there once `size` entries are acknowledged, entry by entry."""
        self.start("collector")
        # The waits of its back-off are as long as the collector was away: a start begins anew.
        self.restart()
        self.wait(f"{size} entries are acknowledged",
                  lambda: (log := self.log_sizes()) and log["acknowledged"] >= size, 30)
        found, _ = self.mirrored.audit(self.roots)
        return found


def guarded(check, name, body):
    """A test of its own, whose failure does not keep the others from running."""
    try:
        check(name, *body())
    except (Failure, log_audit.Wrong, OSError) as error:
        check(name, False, str(error))


def boots(bench):
    return bench.mirrored.entries.boot


def test_restart(bench):
    size = bench.backlog(100)
    first = bench.restart()
    second = bench.restart(signal.SIGKILL)
    size = max(size, first, second)
    found = bench.everything_arrives(size)
    return found >= size and boots(bench) >= 4, f"{found} of {size}, boot {boots(bench)}"


def test_upgrade(bench):
    bench.kill("collector")
    size = bench.backlog(100)
    upgraded = bench.path("tallyd-next")
    shutil.copy(os.path.join(bench.binaries, "tallyd"), upgraded)
    with open(upgraded, "ab") as file:
        file.write(b"another build")
    bench.program = upgraded
    size = max(size, bench.restart())
    size = max(size, bench.backlog(150))
    found = bench.everything_arrives(size)
    return found >= size, f"{found} of {size}"


def test_configuration(bench):
    bench.kill("collector")
    size = bench.backlog(100)
    with open(bench.path("site.yaml")) as file:
        original = file.read()
    lines = original.splitlines(keepends=True)
    bench.write("site.yaml", "".join(line for line in lines if "number: 106," not in line))
    bench.signal("gateway", signal.SIGHUP)
    bench.wait("the site is reloaded", lambda: (status := bench.status()) and len(status["devices"]) == 5, 15)
    size = max(size, bench.backlog(200))
    bench.write("site.yaml", "".join(line for line in lines if "number: 105," not in line)
                .replace("commit_ms: 200", "commit_ms: 300"))
    size = max(size, bench.restart())
    size = max(size, bench.backlog(250))
    found = bench.everything_arrives(size)
    return found >= size and len(bench.mirrored.entries.channels) >= 6, f"{found} of {size}"


def test_collector(bench):
    bench.kill("collector")
    size = bench.backlog(100)
    acknowledged = bench.log_sizes()["acknowledged"]
    os.rename(bench.collector, bench.path("collector-before"))
    bench.run("tally-collector", "init", "--name", "other.example/m1", "--data", bench.collector)
    shutil.copy(os.path.join(bench.collector, "keys/mirror.vkey"), os.path.join(bench.gateway, "keys"))
    bench.run("tally-collector", "enroll", bench.vkey, "--data", bench.collector)
    bench.mirrored.entries = log_audit.Entries()
    bench.restart()
    status = bench.status()
    if status["log"]["acknowledged"] != 0:
        return False, f"{status['log']['acknowledged']} count as acknowledged by a collector that has none"
    found = bench.everything_arrives(size)
    alarm = bench.status()["link"]
    return (found >= size > acknowledged > 0 and bench.mirrored.entries.count >= size
            and alarm["state"] == "up"), f"{found} of {size}, {alarm}"


def unpack(archive, folder):
    """Files and folders, none outside `folder`; Debian 12's tarfile knows no filter that sees to it."""
    with tarfile.open(archive) as members:
        for member in members:
            if member.name.startswith("/") or ".." in member.name.split("/"):
                raise Failure(f"{archive}: {member.name} would lie outside")
            path = os.path.join(folder, member.name)
            if member.isdir():
                os.makedirs(path, exist_ok=True)
            elif member.isfile():
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "xb") as file:
                    os.fchmod(file.fileno(), member.mode & 0o755)
                    shutil.copyfileobj(members.extractfile(member), file)
            else:
                raise Failure(f"{archive}: {member.name} is neither a file nor a folder")


def test_fixture(bench):
    """Today's binary goes on with the directory that an earlier one left."""
    unpack(FIXTURE, bench.path("earlier"))
    gateway = bench.path("earlier/gateway")
    signed = log_audit.promised(os.path.join(gateway, "log/1"))[0]
    shutil.copy(os.path.join(bench.collector, "keys/mirror.vkey"), os.path.join(gateway, "keys"))
    with open(os.path.join(gateway, "keys/log.vkey")) as file:
        vkey = file.read().strip()
    bench.run("tally-collector", "enroll", vkey, "--data", bench.collector)
    folder = log_audit.sha256(vkey.split("+")[0].encode()).hex()
    mirrored = log_audit.MirroredLog(os.path.join(bench.collector, "logs", folder))
    with open(bench.path("earlier.log"), "wb") as output:
        agent = subprocess.Popen(
            [os.path.join(bench.binaries, "tallyd"), "--site", bench.path("earlier/site.yaml"), "--data", gateway],
            env=bench.environment, stdout=output, stderr=output)
    try:
        bench.wait("the earlier log is acknowledged",
                   lambda: (place := mirrored.checkpoint()) and place[0] > signed[0], 20)
        found, _ = mirrored.audit({signed[0]: signed[1]})
    finally:
        agent.terminate()
        code = agent.wait(20)
    return found > signed[0] > 50 and code == 0, f"{found} of {signed[0]}, code {code}"


def main():
    binaries, work = (os.path.abspath(word) for word in sys.argv[1:3])
    Substation.remove(work)
    os.makedirs(work)
    check = Checks()
    bench = Bench(binaries, work)
    try:
        bench.start("simulator")
        bench.start("collector")
        bench.start("gateway")
        bench.wait("something is acknowledged", lambda: (log := bench.log_sizes()) and log["acknowledged"] > 30, 20)
        bench.kill("collector")
        guarded(check, "a restart and a kill leave the backlog", lambda: test_restart(bench))
        guarded(check, "so does another build of the binary", lambda: test_upgrade(bench))
        guarded(check, "so do a reload and a restart with another site", lambda: test_configuration(bench))
        bench.mirrored.entries.check_slots()
        guarded(check, "a new collector gets everything from entry 0", lambda: test_collector(bench))
        guarded(check, "the log of an earlier release goes on", lambda: test_fixture(bench))
        bench.end("gateway")
        found = bench.verify(bench.gateway)
        check("the gateway's half verifies", found is None, found or "")
    finally:
        bench.close()
    sys.exit(check.close())


if __name__ == "__main__":
    main()
