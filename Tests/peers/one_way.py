"""A station that may call nobody: packages on a stick, carried to a collector by hand, and what goes wrong on the way.

    one_way.py BIN_DIRECTORY WORK_DIRECTORY

Takes root: the stick is a small file system of its own, which is not mounted, full, read-only and swapped in turn.
Real tallyd and meters (tally-sim on pseudo-terminals), killed with SIGKILL meanwhile; real `tally-collector import`,
with and without `serve` beside it. Demanded is:

  * acquisition never stops for the stick; status and log say what is wrong with it, and it mends by itself
  * a package is there whole or not at all, and is not written again by a restart
  * a lost package is named, what came after it waits, and the file that the import writes brings it again
  * an acknowledgement that is carried back counts, a wrong one is put aside
  * a package is what the mirror protocol would send: a second collector that gets its parts by HTTP reads the same
  * OpenSSL finds the signatures good, and the entries hash to what is signed (`evidence.py`, no code of ours)
  * both halves verify

Prints "N passed, N failed"; the exit code is 1 when any failed.
"""

import glob
import hashlib
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import time
import urllib.request

import evidence
import openssl_signatures
from bench import Checks, wait_until
from loop_disk import demand_root, fill_up, unmount_below
from substation import Failure, Settings, Substation

PORT = 9160
SETTINGS = Settings(lines=1, meters=8, period=100, slow_meters=1, commit=200, checkpoint=600)
MAGIC = b"tallystick package 1\n"

check = Checks()


class Station(Substation):
    """A substation whose gateway writes packages."""

    def write_files(self, settings):
        super().write_files(settings)
        self.mount = self.path("mnt")
        self.stick = os.path.join(self.mount, "tallystick")
        self.carried = self.path("carried")
        os.makedirs(self.mount)
        os.makedirs(self.carried)
        with open(self.path("site.yaml")) as file:
            lines = file.read().splitlines()
        at = next(n for n, line in enumerate(lines) if line.startswith("mirror:"))
        lines[at] = ("mirror: {vkey_file: keys/mirror.vkey}\n"
                     f"uplink: {{directory: {self.stick}, every: 1s, retention: 400d}}")
        self.write("site.yaml", "\n".join(lines) + "\n")

    def plug(self, size="8m"):
        subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", f"size={size}", "stick", self.mount], check=True)
        os.makedirs(self.stick, exist_ok=True)

    def unplug(self):
        """Takes the packages along."""
        for path in self.packages():
            shutil.copy(path, self.carried)
        subprocess.run(["/bin/umount", self.mount], check=True)

    def remount(self, how):
        subprocess.run(["/bin/mount", "-o", f"remount,{how}", self.mount], check=True)

    def packages(self):
        return sorted(glob.glob(self.stick + "/*.package"))

    def said(self, word):
        with open(self.path("gateway.log")) as file:
            return word in file.read()

    def reason(self, word, seconds=12):
        """The status says this reason, and the log goes on growing."""
        def is_so():
            status = self.status()
            return status and (status["link"]["reason"] == word and status)
        status = wait_until(is_so, seconds)
        if not check(f"the status says {word or 'that all is well'}", status, self.status() and self.status()["link"]):
            return
        size = status["log"]["size"]
        check("… and meters are read meanwhile", wait_until(lambda: self.status()["log"]["size"] > size + 20, 8))

    def import_(self, *paths, code=0, ack=None):
        arguments = [*paths, "--data", self.collector] + (["--ack", ack] if ack else [])
        done = subprocess.run(
            [os.path.join(self.binaries, "tally-collector"), "import", *arguments], env=self.environment,
            capture_output=True, text=True)
        check(f"import ends with {code}", done.returncode == code, f"{done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout


def range_of(name):
    """The entries that a package's name tells."""
    return tuple(int(part) for part in name[:-len(".package")].split("~")[-1].split("-"))


def parts(data):
    """Note and body of a package, by its description in Data on disk."""
    assert data.startswith(MAGIC) and hashlib.sha256(data[:-32]).digest() == data[-32:], "no package"
    at, found = len(MAGIC), []
    for _ in range(2):
        length = int.from_bytes(data[at:at + 4], "big")
        found.append(data[at + 4:at + 4 + length])
        at += 4 + length
    assert at == len(data) - 32, "a part is cut"
    return found


def framed(note, body):
    data = MAGIC + len(note).to_bytes(4, "big") + note + len(body).to_bytes(4, "big") + body
    return data + hashlib.sha256(data).digest()


def entries_of_body(body):
    """The head's start and end, and the entries of a body of add-entries, proofs passed over."""
    length = int.from_bytes(body[:2], "big")
    start, end = (int.from_bytes(body[2 + length + n:10 + length + n], "big") for n in (0, 8))
    at = 2 + length + 16 + 2 + int.from_bytes(body[2 + length + 16:2 + length + 18], "big")
    entries, base = [], start
    while at < len(body):
        for _ in range(min(end, base + 256) - base):
            count = int.from_bytes(body[at:at + 2], "big")
            entries.append(body[at + 2:at + 2 + count])
            at += 2 + count
        at += 1 + 32 * body[at]
        base += 256
    assert at == len(body), "a body is cut"
    return start, end, entries


def stick_troubles(station):
    """Not mounted, killed while it writes, full, read-only."""
    station.start("simulator")
    station.wait("the meters", lambda: os.path.exists(station.path("dev/slow")), 20)
    station.start("gateway")
    station.reason("directory-missing")
    check("the gateway's log says so", station.said("plug the stick in"))
    check("nothing is written where the stick would be", os.listdir(station.mount) == [])
    station.plug()
    station.reason(None)
    station.wait("a package", station.packages, 10)
    for _ in range(3):
        time.sleep(0.6)
        station.kill("gateway")
        station.start("gateway")
    station.wait("an answer", station.status, 10)
    ballast = os.path.join(station.mount, "ballast")
    fill_up(ballast)
    station.reason("directory-full")
    os.remove(ballast)
    station.reason(None)
    station.remount("ro")
    station.reason("directory-read-only")
    station.remount("rw")
    station.reason(None)


def courier(station):
    """A stick is swapped, a package lost, the acknowledgement carried back."""
    size = station.status()["log"]["size"]
    station.wait("packages of all that", lambda: station.status()["log"]["packaged"] >= size, 10)
    names = [os.path.basename(path) for path in station.packages()]
    ranges = sorted({range_of(name) for name in names})
    check(f"{len(names)} packages have no gap", ranges[0][0] == 0 and all(
        any(start <= known < end for start, end in ranges) for known in range(0, ranges[-1][1], 64)), ranges)
    station.unplug()
    station.plug()
    # One is lost that alone holds a whole block, and is not the last.
    lost = next((name for name in names if (own := range_of(name))[0] > 0 and own[1] < ranges[-1][1] and
                 [own] == [r for r in ranges if r[0] <= own[0] and r[1] >= own[0] + 256]), None)
    if lost is None:
        raise Failure(f"no package that is needed: {names}")
    os.rename(os.path.join(station.carried, lost), station.path("lost"))
    said = station.import_(station.carried, code=1, ack=station.stick)
    first = range_of(lost)[0]
    check("the gap is named", "are missing" in said and ".again" in said, said)
    check("what comes after it is kept", "kept here" in said, said)
    again = glob.glob(station.stick + "/*.again")
    check("a file asks for it again", len(again) == 1 and first <= int(open(again[0]).read()) < first + 512, again)
    ack = glob.glob(station.stick + "/*.ack")
    check("and one acknowledges what came", len(ack) == 1, os.listdir(station.stick))
    note = pathlib.Path(ack[0]).read_bytes() if ack else b""
    station.wait("the acknowledgement", lambda: station.status()["log"]["acknowledged"] > 0, 15)
    check("the acknowledgement was taken", wait_until(lambda: glob.glob(station.stick + "/*.ack.taken"), 5),
          os.listdir(station.stick))
    station.wait("packages again", lambda: any(
        range_of(path)[0] <= first for path in station.packages()), 15)
    check("what asked was heard", wait_until(lambda: glob.glob(station.stick + "/*.again.taken"), 5),
          os.listdir(station.stick))
    return note


def serving(station):
    """Import beside `serve`, twice, a wrong acknowledgement, a tampered package."""
    station.start("collector")
    wait_until(lambda: "ready" in pathlib.Path(station.path("collector.log")).read_text(), 15)
    size = station.status()["log"]["size"]
    station.wait("the newest package", lambda: station.status()["log"]["packaged"] >= size, 10)
    # The gateway must not write while the stick is read: a courier takes it away.
    station.unplug()
    station.plug()
    said = station.import_(station.carried, ack=station.stick)
    check("what waited is taken", "waiting" in said, said)
    said = station.import_(station.carried)
    check("a second import changes nothing", ": taken" not in said and "known already" in said, said)
    station.wait("the acknowledgement", lambda: station.status()["log"]["acknowledged"] >= size, 15)
    good = pathlib.Path(sorted(glob.glob(station.carried + "/*.package"))[-1])
    note, body = parts(good.read_bytes())
    _, _, entries = entries_of_body(body)
    changed = body.replace(entries[-1], entries[-1][:-1] + bytes([entries[-1][-1] ^ 1]))
    station.write("forged.package", "")
    pathlib.Path(station.path("forged.package")).write_bytes(framed(note, changed))
    said = station.import_(station.path("forged.package"), code=1)
    check("a changed entry is refused although the hash was mended", "did not sign" in said, said)
    stem = os.path.basename(good)[:-len("~000000000000-000000000000.package")]
    acknowledged = station.status()["log"]["acknowledged"]
    pathlib.Path(station.stick, stem + ".ack").write_bytes(note)
    station.reason("bad-cosignature")
    check("a wrong acknowledgement is put aside",
          os.path.exists(os.path.join(station.stick, stem + ".ack.refused")) and
          station.status()["log"]["acknowledged"] == acknowledged, os.listdir(station.stick))


def rows(path, size):
    """The readings of all entries below `size`, without the number of their log."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        return [row[1:] for row in connection.execute(
            "SELECT * FROM reading WHERE idx < ? ORDER BY idx, quantity", (size,))]


def post(port, path, body, kind):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/{path}", body, {"Content-Type": kind})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.status, answer.read()


def others_judge(station, ack, binaries):
    """Python and OpenSSL look at what was carried; a second collector gets it by HTTP."""
    station.end("gateway")
    work = pathlib.Path(station.path("openssl"))
    work.mkdir()
    name, identifier, _, key = evidence.open_key(station.vkey)
    known, newest, verified = {}, None, 0
    paths = sorted(glob.glob(station.carried + "/*.package"))
    for path in paths:
        note, body = parts(pathlib.Path(path).read_bytes())
        start, end, entries = entries_of_body(body)
        text, lines = evidence.open_note(note)
        signature = next(data for signer, number, data in lines if (signer, number) == (name, identifier))
        verified += openssl_signatures.verifies(work, key, text, signature)
        known.update({start + n: entry for n, entry in enumerate(entries)})
        if newest is None or end > newest[0]:
            newest = (end, text, note)
    check(f"OpenSSL verifies the checkpoints of {len(paths)} packages", verified == len(paths), verified)
    size, text, note = newest
    _, signed_size, root = evidence.checkpoint(text)
    found = evidence.root([evidence.leaf(known[n]) for n in range(size)])
    check(f"the {size} entries in them hash to what is signed", (signed_size, root) == (size, found), size)
    openssl_signatures.check = check
    openssl_signatures.verify(work, "the acknowledgement", ack, station.mirror_vkey, station.vkey)

    online = station.path("online")
    station.run("tally-collector", "init", "--name", "collector.example/m2", "--data", online)
    station.run("tally-collector", "enroll", station.vkey, "--data", online)
    process = subprocess.Popen(
        [os.path.join(binaries, "tally-collector"), "serve", "--listen", f"127.0.0.1:{PORT + 2}", "--data", online],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        process.stdout.readline()
        one = next((path for path in sorted(paths, key=os.path.getsize, reverse=True)
                    if entries_of_body(parts(pathlib.Path(path).read_bytes())[1])[0] == 0), None)
        note, body = parts(pathlib.Path(one).read_bytes())
        _, size, entries = entries_of_body(body)
        check("a mirror takes the checkpoint of a package", post(
            PORT + 2, "add-checkpoint", b"old 0\n\n" + note, "text/plain")[0] == 200)
        status, line = post(PORT + 2, "add-entries", body, "application/octet-stream")
        check(f"and its body as it is, {len(entries)} entries", status == 200 and b"collector.example/m2" in line, line)
        wanted = wait_until(lambda: len(rows(online + "/readings.sqlite", size)) > 0 and
                            station_cursor(online) >= size, 15)
        check("it has decoded them", wanted)
    finally:
        process.terminate()
        process.wait(20)
    wait_until(lambda: station_cursor(station.collector) >= size, 15)
    # An answer of several frames has its rows at the first one, once the last has come.
    with sqlite3.connect(f"file:{online}/readings.sqlite?mode=ro", uri=True) as connection:
        size = min([size, *(row[0] for row in connection.execute("SELECT idx FROM open_frame"))])
    carried, uploaded = rows(station.collector + "/readings.sqlite", size), rows(online + "/readings.sqlite", size)
    check(f"{len(uploaded)} readings are the same, carried or uploaded", uploaded and carried == uploaded, len(carried))
    station.end("collector")
    for half in (station.gateway, station.collector):
        problem = station.verify(half)
        check(f"tally verify {os.path.basename(half)}", problem is None, problem)


def station_cursor(collector):
    with sqlite3.connect(f"file:{collector}/readings.sqlite?mode=ro", uri=True) as connection:
        row = connection.execute("SELECT max(cursor) FROM log").fetchone()
    return row[0] or 0 if row else 0


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    demand_root()
    binaries, work = (os.path.abspath(word) for word in sys.argv[1:])
    unmount_below(work)
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    station = Station(binaries, work, PORT, SETTINGS)
    try:
        stick_troubles(station)
        ack = courier(station)
        serving(station)
        others_judge(station, ack, binaries)
    except Failure as failure:
        check(str(failure), False)
    finally:
        station.close()
        unmount_below(work)
    return check.close()


if __name__ == "__main__":
    sys.exit(main())
