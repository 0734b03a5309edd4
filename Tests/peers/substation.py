"""A substation of its own: simulated meters, gateway and collector as processes, and the link between them.

Made for tests that kill: everything lies below one directory, every program can be started and killed by
itself, and what the three have promised can be asked at any time.
"""

import ctypes
import errno
import mmap
import os
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import time

import log_audit
from relay import Relay

REPOSITORY = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
ROLES = ("gateway", "collector", "simulator")

FAST_METER = """\
profile: 1
vendor: Test
model: fast
label: {en: Fast meter, zh: 快速电表}
protocol: modbus-rtu
word_order: ABCD
turnaround_ms: 1
sources: [{id: test, document: Tests/peers/substation.py, url: "https://example.com/"}]
requests:
  - name: all
    function: 3
    address: 0
    count: 2
    source: test
    points: [{quantity: voltage-l1, label: {en: Voltage, zh: 电压}, type: f32, offset: 0, unit: V}]
"""

# What a DL/T 645 meter shows; its blocks come in frames of four bytes, so that answers have several.
CONSTANTS = {
    "voltage-l1": 230.1, "voltage-l2": 229.8, "voltage-l3": 230.4, "current-l1": 12.5, "current-l2": 12.25,
    "current-l3": 12.75, "active-power": 7.5, "active-power-l1": 2.5, "active-power-l2": 2.5,
    "active-power-l3": 2.5, "reactive-power": 1.5, "apparent-power": 7.75, "power-factor": 0.97,
    "frequency": 50, "active-energy-import": 1234.56, "active-energy-export": 12.34,
}


class Failure(Exception):
    """The test has found something, or cannot go on."""


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Settings:
    """How much is read and how often it is committed and signed."""

    def __init__(self, lines=2, meters=10, period=100, slow_meters=2, commit=200, checkpoint=600, segment=1 << 16):
        self.lines, self.meters, self.period, self.slow_meters = lines, meters, period, slow_meters
        self.commit, self.checkpoint, self.segment = commit, checkpoint, segment


class Substation:
    """Collector on `port` + 1, the link to it on `port`. With `disk_bytes`, gateway and collector have a file
    system of that size each, which takes root; it can be filled and freed."""

    def __init__(self, binaries, directory, port, settings, disk_bytes=None):
        self.binaries, self.directory, self.port = binaries, directory, port
        self.is_full = False
        self.gateway = os.path.join(directory, "gateway")
        self.collector = os.path.join(directory, "collector")
        self.log = os.path.join(self.gateway, "log", "1")
        self.processes = {}
        self.share = os.path.join(directory, "share")
        self.environment = dict(
            os.environ, LANG="C", TALLYSTICK_SHARE=self.share, TALLYSTICK_DEV=os.path.join(directory, "dev"))
        if disk_bytes:
            for half in (self.gateway, self.collector):
                os.makedirs(half)
                self.run("/bin/mount", "-t", "tmpfs", "-o", f"size={disk_bytes}", "tallystick", half)
        self.write_files(settings)
        self.clock_offset = 0  # µs by which the gateway's wall clock is ahead
        self.clock_environment = {}
        self.make_keys()
        self.relay = Relay(port, port + 1)

    # MARK: files and keys

    def write(self, path, text):
        path = os.path.join(self.directory, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)

    def write_files(self, settings):
        for name in ("dev", "gateway/keys"):
            os.makedirs(os.path.join(self.directory, name), exist_ok=True)
        shutil.copytree(os.path.join(REPOSITORY, "Sources/Catalog/Profiles"), os.path.join(self.share, "profiles"))
        os.symlink(os.path.join(REPOSITORY, "Sources/tally-sim/PlantData"), os.path.join(self.share, "plant"))
        self.write("share/profiles/fast-meter.yaml", FAST_METER)
        self.lines = [f"fast-{n + 1}" for n in range(settings.lines)] + ["slow"] * (settings.slow_meters > 0)
        ports = "".join(f"  - {{name: {line}, device: {line}, baud_max: 921600}}\n" for line in self.lines)
        self.write(
            "share/boards/test/crash/board.yaml",
            "tallystick: 1\nname: test/crash\nlabel: {en: Crash loop, zh: 崩溃测试}\n"
            "limits: {lines: 8, devices_per_line: 64, streams: 256}\n"
            f"storage: {{segment_bytes: {settings.segment}, quota_mib: 1024}}\nports:\n{ports}")
        plant = "version: 1\ndata: gas-turbine-2014.csv\ntemplates:\n  three-phase-meter:\n"
        plant += "".join(f"    {name}: {{constant: {value}}}\n" for name, value in CONSTANTS.items())
        plant += "devices:\n"
        site = (
            "tallystick: 1\norigin: {domain: sim.tallystick.invalid, serial: sim-9000}\ntimezone: Asia/Shanghai\n"
            f"board: test/crash\nmirror: {{url: \"http://127.0.0.1:{self.port}\", vkey_file: keys/mirror.vkey}}\n"
            f"log: {{commit_ms: {settings.commit}, checkpoint_ms: {settings.checkpoint}, checkpoint_entries: 256}}\n"
            "lines:\n")
        for number, line in enumerate(self.lines):
            is_fast = line != "slow"
            baud, form = (921600, "8N1") if is_fast else (19200, "8E1")
            site += f"  - name: {line}\n    port: {line}\n    baud: {baud}\n    format: {form}\n    devices:\n"
            for meter in range(1, (settings.meters if is_fast else settings.slow_meters) + 1):
                device = (number + 1) * 100 + meter
                label = f"Meter {device}"
                site += f"      - {{number: {device}, label: {{en: {label}, zh: 电表 {device}}}, "
                if is_fast:
                    site += (f"address: {meter}, profile: fast-meter, timeout_ms: 300, "
                             f"period_ms: {settings.period}}}\n")
                    plant += (f"  {label}: {{turnaround: 1, values: "
                              "{voltage-l1: {constant: 230, noise: 0.1}}}\n")
                else:
                    site += (f"address: \"{device:012d}\", profile: dlt645-2007-three-phase, timeout_ms: 300, "
                             "poll: [{requests: [import, voltages, currents], period_ms: 1000}]}\n")
                    plant += f"  {label}: {{like: three-phase-meter, turnaround: 10, frame-data: 4}}\n"
        self.write("share/boards/test/crash/plant.yaml", plant)
        self.write("site.yaml", site)

    def run(self, program, *arguments):
        """A program to its end; what it printed."""
        done = subprocess.run(
            [os.path.join(self.binaries, program), *arguments], env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure(f"{program} {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def make_keys(self):
        self.run("tally-collector", "init", "--name", "collector.example/m1", "--data", self.collector)
        shutil.copy(os.path.join(self.collector, "keys/mirror.vkey"), os.path.join(self.gateway, "keys"))
        self.vkey = self.run(
            "tally", "keys", "create", "--data", self.gateway, "--site", self.path("site.yaml")).split()[-1]
        with open(os.path.join(self.collector, "keys/mirror.vkey")) as file:
            self.mirror_vkey = file.read().strip()
        said = self.run("tally-collector", "enroll", self.vkey, "--data", self.collector)
        token = next(line.split()[-1] for line in said.splitlines() if "live" in line and "token" in line)
        self.write("gateway/keys/live.token", token + "\n")
        self.origin = self.vkey.split("+")[0]
        folder = log_audit.sha256(self.origin.encode()).hex()
        self.mirrored = log_audit.MirroredLog(os.path.join(self.collector, "logs", folder))
        self.readings = log_audit.Readings(os.path.join(self.collector, "readings.sqlite"), self.origin)

    def path(self, name):
        return os.path.join(self.directory, name)

    # MARK: processes

    def command(self, role):
        if role == "gateway":
            return ["tallyd", "--site", self.path("site.yaml"), "--data", self.gateway]
        if role == "collector":
            return ["tally-collector", "serve", "--listen", f"127.0.0.1:{self.port + 1}", "--data", self.collector]
        return [
            "tally-sim", "site", "--board", self.path("share/boards/test/crash"), "--site", self.path("site.yaml"),
            "--dev", self.path("dev")]

    def start(self, role):
        program, *arguments = self.command(role)
        environment = dict(self.environment, **(self.clock_environment if role == "gateway" else {}))
        with open(self.path(f"{role}.log"), "ab") as output:
            self.processes[role] = subprocess.Popen(
                [os.path.join(self.binaries, program), *arguments], stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, env=environment, preexec_fn=die_with_parent)

    def is_running(self, role):
        return role in self.processes

    def check_running(self):
        """None of them has ended by itself. On a full disk one may, with a reason and never by a trap."""
        for role, process in list(self.processes.items()):
            code = process.poll()
            if code is not None:
                if not self.is_full or code < 0:
                    raise Failure(f"the {role} ended by itself with {code}")
                del self.processes[role]

    def signal(self, role, number):
        self.processes[role].send_signal(number)

    def kill(self, *roles):
        """All at once, then waits for their ends."""
        self.check_running()
        roles = [role for role in roles if self.is_running(role)]
        for role in roles:
            self.signal(role, signal.SIGKILL)
        for role in roles:
            self.processes.pop(role).wait()

    def end(self, role):
        """In good order."""
        process = self.processes.pop(role)
        process.terminate()
        try:
            code = process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise Failure(f"the {role} did not end within 60 s of SIGTERM") from None
        if code != 0:
            raise Failure(f"the {role} ended with {code} after SIGTERM")

    def close(self):
        """Kills what runs and takes down the link."""
        for process in self.processes.values():
            process.kill()
            process.wait()
        self.processes.clear()
        self.relay.close()

    # MARK: the gateway's clock

    def preload_clock(self):
        """Makes the gateway's wall clock one that `set_clock` sets. Takes a C compiler."""
        library = self.path("clock_offset.so")
        compiler = shutil.which("clang") or shutil.which("cc")
        if not compiler:
            raise Failure("setting the gateway's clock takes clang or cc")
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clock_offset.c")
        subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, source], check=True)
        self.write("clock_offset", "\0" * 8)
        with open(self.path("clock_offset"), "r+b") as file:
            self.clock = mmap.mmap(file.fileno(), 8)
        self.clock_environment = {"LD_PRELOAD": library, "CLOCK_OFFSET_FILE": self.path("clock_offset")}

    def set_clock(self, offset):
        """Sets the gateway's wall clock ahead by `offset` µs, against ours."""
        self.clock_offset = offset
        self.clock[:] = struct.pack("<q", offset)

    # MARK: disks

    def fill(self, left):
        """Takes all space but about `left` bytes of both file systems."""
        self.is_full = True
        for half in (self.gateway, self.collector):
            free = os.statvfs(half)
            with open(os.path.join(half, "ballast"), "wb") as file:
                try:
                    os.posix_fallocate(file.fileno(), 0, max(1, free.f_bavail * free.f_bsize - left))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def free(self):
        """Gives the space back."""
        for half in (self.gateway, self.collector):
            if os.path.exists(os.path.join(half, "ballast")):
                os.remove(os.path.join(half, "ballast"))
        self.check_running()
        self.is_full = False

    @staticmethod
    def remove(directory):
        """What another substation has left there, its file systems too."""
        for half in ("gateway", "collector"):
            if os.path.ismount(os.path.join(directory, half)):
                subprocess.run(["/bin/umount", os.path.join(directory, half)], check=True)
        shutil.rmtree(directory, ignore_errors=True)

    # MARK: what they say

    def status(self):
        """The gateway's status, or None while it does not answer."""
        try:
            with socket.socket(socket.AF_UNIX) as control:
                control.settimeout(5)
                control.connect(os.path.join(self.gateway, "control"))
                control.sendall(b"\0\0\0\x08\x81\x66status")
                (length,) = struct.unpack(">I", self.receive(control, 4))
                return log_audit.cbor(self.receive(control, length))
        except OSError:
            return None

    @staticmethod
    def receive(control, count):
        data = b""
        while len(data) < count:
            piece = control.recv(count - len(data))
            if not piece:
                raise OSError("the agent hung up")
            data += piece
        return data

    def wait(self, what, condition, seconds):
        """Until `condition` gives something; that is returned. Fails when a program ends meanwhile."""
        deadline = time.monotonic() + seconds
        while True:
            self.check_running()
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline:
                raise Failure(f"{what}: not within {seconds} s")
            time.sleep(0.03)

    def check_nothing_refused(self, first_questions):
        """The collector has seen one history and answered nothing badly, but for so many questions where it stands
        with a log of which it has nothing."""
        connection = sqlite3.connect(
            f"file:{self.path('collector/collector.sqlite')}?mode=ro", uri=True, timeout=20)
        (forks,) = connection.execute("SELECT count(*) FROM fork").fetchone()
        connection.close()
        if forks:
            raise log_audit.Wrong(f"the collector has kept {forks} forks")
        for (path, status), count in self.relay.answers.items():
            if (path, status) == ("/add-entries", 422) and count <= first_questions:
                continue
            if status in (400, 403, 404, 413, 422) or status >= 500:
                raise log_audit.Wrong(f"{count} answers {status} to {path}")

    def verify(self, half):
        """`tally verify` on one half: what it printed when it found something, else None."""
        done = subprocess.run(
            [os.path.join(self.binaries, "tally"), "verify", half, "--vkey", self.vkey], env=self.environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return None if done.returncode == 0 else f"tally verify {half} ended with {done.returncode}:\n{done.stdout}"
