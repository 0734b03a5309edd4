"""What the peers' tests share: counting, lines made of pseudo-terminals, and the programs under test."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time
import tty
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Checks:
    """Counts what is found good and bad, and says each."""

    def __init__(self):
        self.passed = self.failed = 0

    def __call__(self, name, good, detail=""):
        if good:
            self.passed += 1
            print(f"ok      {name}", flush=True)
        else:
            self.failed += 1
            print(f"FAILED  {name}  {detail}", flush=True)
        return bool(good)

    def close(self):
        """Prints the sum; the exit code."""
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed or not self.passed else 0


def wait_until(condition, seconds, every=0.1):
    """The first true value of `condition`, or what it gives at the end of the time."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > deadline:
            return value
        time.sleep(every)


def run(*command, good=(0,), environment=None):
    """Runs a program to its end; what it printed. Another exit code ends the test."""
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60,
                            env=environment)
    if result.returncode not in good:
        sys.exit(f"{' '.join(map(str, command))}: {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout


def open_line():
    """A pseudo-terminal without any cooking: its controlling end, its other end, that one's path."""
    controller, line = os.openpty()
    tty.setraw(line)
    return controller, line, os.ttyname(line)


def wire(first, second):
    """Passes bytes between the controlling ends of two pseudo-terminals, both ways."""
    def carry(source, target):
        while True:
            try:
                os.write(target, os.read(source, 512))
            except OSError:
                return
    for ends in ((first, second), (second, first)):
        threading.Thread(target=carry, args=ends, daemon=True).start()


def write_share(share, profiles, lines=("line-a",)):
    """A share of its own: the repository's profiles and more of them, and a board with these lines."""
    shutil.copytree(ROOT / "Sources/Catalog/Profiles", share / "profiles")
    for name, text in profiles.items():
        (share / f"profiles/{name}.yaml").write_text(text)
    board = share / "boards/test/peer"
    board.mkdir(parents=True)
    (board / "board.yaml").write_text(
        "tallystick: 1\nname: test/peer\nlabel: {en: Test, zh: 测试}\nports:\n"
        + "".join(f"  - {{name: {line}, device: {line}, baud_max: 115200}}\n" for line in lines)
        + f"limits: {{lines: {len(lines)}, devices_per_line: 8, streams: 32}}\n"
        "storage: {segment_bytes: 1048576, quota_mib: 64}\n")


def write_site(path, url, lines, more_mirror=""):
    """A site with lines of 19,200 Bd; for each, its devices as lines of YAML."""
    path.write_text(
        "tallystick: 1\norigin: {domain: peer.tallystick.invalid, serial: peer}\n"
        "timezone: Asia/Shanghai\nboard: test/peer\n"
        f"mirror:\n  url: {url}\n  vkey_file: keys/mirror.vkey\n{more_mirror}"
        "log: {commit_ms: 500, checkpoint_ms: 1000}\nlines:\n"
        + "".join(
            f"  - name: {line}\n    port: {line}\n    baud: 19200\n    format: 8N1\n    devices:\n"
            + "".join(f"      - {device}\n" for device in devices)
            for line, devices in lines.items()))


class Chain:
    """Keys, collector and gateway of one short run."""

    def __init__(self, programs, work, port, share, site, serve=()):
        self.programs, self.work, self.share, self.site, self.port = programs, work, share, site, port
        self.gateway, self.collector = work / "gateway", work / "collector"
        self.environment = os.environ | {
            "TALLYSTICK_SHARE": str(share), "TALLYSTICK_DEV": str(work / "dev"), "LANG": "C"}
        run(programs / "tally-collector", "init", "--name", "collector.example/m1", "--data", self.collector)
        (self.gateway / "keys").mkdir(parents=True, mode=0o700)
        shutil.copy(self.collector / "keys/mirror.vkey", self.gateway / "keys")
        self.vkey = run(programs / "tally", "keys", "create", "--data", self.gateway, "--site", site,
                        "--share", share).split()[-1]
        enrolled = run(programs / "tally-collector", "enroll", self.vkey, "--data", self.collector)
        self.live_token = enrolled.split("live token:")[1].split()[0]
        self.serve = serve
        self.children = {}

    def start_collector(self):
        self.start("tally-collector", "serve", "--listen", f"127.0.0.1:{self.port}", "--data",
                   self.collector, *self.serve)
        wait_until(lambda: "ready" in self.said("tally-collector"), 20)

    def start_gateway(self, **environment):
        self.start("tallyd", "--site", self.site, "--data", self.gateway, **environment)

    def start(self, name, *arguments, **environment):
        with open(self.work / f"{name}.log", "ab") as log:
            self.children[name] = subprocess.Popen(
                [self.programs / name, *arguments], env=self.environment | environment, stdout=log,
                stderr=log)

    def said(self, name):
        """All that a program printed."""
        path = self.work / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def stop(self, *names):
        """Ends programs, all by default, the gateway first; their exit codes."""
        codes = []
        for name in names or list(self.children)[::-1]:
            child = self.children.pop(name, None)
            if child:
                child.terminate()
                codes.append(child.wait(20))
        return codes

    def status(self):
        """What `tally status --json` says; empty when no agent answers."""
        answer = subprocess.run(
            [self.programs / "tally", "status", "--data", self.gateway, "--json"],
            capture_output=True, text=True, timeout=10, env=self.environment)
        return json.loads(answer.stdout) if answer.returncode in (0, 1) and answer.stdout else {}

    def get(self, path, token=None, **query):
        """Status and body of a GET at the collector, with its read token."""
        token = token or (self.collector / "keys/read.token").read_text().strip()
        url = f"http://127.0.0.1:{self.port}{path}"
        if query:
            url += "?" + urllib.parse.urlencode(query)
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def readings(self, **query):
        """The readings that the collector decoded, oldest first."""
        try:
            status, body = self.get("/api/readings", origin=self.vkey.split("+")[0], limit=10000, **query)
        except OSError:
            return []
        return json.loads(body)["readings"] if status == 200 else []


def arguments(documentation):
    """The two directories of the command line: programs and a fresh one to work in."""
    if len(sys.argv) != 3:
        sys.exit(documentation)
    programs, work = (pathlib.Path(word).resolve() for word in sys.argv[1:3])
    shutil.rmtree(work, ignore_errors=True)
    (work / "dev").mkdir(parents=True)
    return programs, work
