"""Bytes in the middle of a gateway's log change while it is stopped. It starts, asks the collector for what was there, and
its log is the one that was signed; `tally verify` and an independent reading say so. Without the collector, or with another
token, a new epoch begins.

    mending.py BIN_DIRECTORY WORK_DIRECTORY

Prints "N passed, N failed"; the exit code is 1 when any failed.
"""

import glob
import os
import sys

import evidence
import log_audit
from bench import Checks
from substation import Failure, Settings, Substation

PORT = 8870
BLOCK = 4096


class Bench(Substation):
    def __init__(self, binaries, directory):
        super().__init__(binaries, directory, PORT, Settings(lines=1, meters=6, period=100, slow_meters=0))

    def acknowledged(self):
        status = self.status()
        return status["log"]["acknowledged"] if status else 0

    def upload(self):
        """Starts the gateway, lets it upload something new, and stops it."""
        self.start("gateway")
        before = self.wait("the gateway answers", self.status, 15)
        size = before["log"]["size"]
        self.wait("the rest is acknowledged", lambda: self.acknowledged() >= size + 30, 20)
        status = self.status()
        self.end("gateway")
        return status

    def frames(self):
        """Where the frames of the log begin: path, offset, index of the first entry."""
        found = []
        for path in sorted(glob.glob(os.path.join(self.log, "seg", "*.seg"))):
            with open(path, "rb") as file:
                data = file.read()
            for at in range(BLOCK, len(data), BLOCK):
                if data[at:at + 4] == b"TSJF":
                    found.append((path, at, int.from_bytes(data[at + 16:at + 24], "little")))
        return found

    def overwrite(self, path, at, bytes):
        with open(path, "r+b") as file:
            file.seek(at)
            file.write(bytes)

    def entries(self):
        return evidence.entries_of_journal(self.log)

    def mended(self, before, what):
        """After a start: the same entries in the same epoch, the status says so, and both halves verify."""
        status = self.upload()
        after = self.entries()
        if after[:len(before)] != before:
            raise Failure(f"{what}: other entries than before")
        codes = [item for entry in after[len(before):] if (item := log_audit.cbor(entry))[0] == 5 and item[6] == 15]
        problem = self.verify(self.gateway)
        if status["log"]["epoch"] != 1 or "mended" not in status["conditions"] or not codes or problem:
            raise Failure(f"{what}: epoch {status['log']['epoch']}, {status['conditions']}, {codes}, {problem}")
        return True, f"{codes[0][7]}"


def guarded(check, name, body):
    try:
        check(name, *body())
    except (Failure, log_audit.Wrong, OSError, AssertionError) as error:
        check(name, False, str(error))


def one_frame(bench):
    before, frames = bench.entries(), bench.frames()
    path, at, _ = frames[len(frames) // 3]
    with open(path, "rb") as file:
        whole = file.read()
    bench.overwrite(path, at + 60, b"rotten bytes")
    result = bench.mended(before, "one frame")
    with open(path, "rb") as file:
        return file.read()[at:at + BLOCK] == whole[at:at + BLOCK], result[1]


def several_frames(bench):
    before, frames = bench.entries(), bench.frames()
    path, at, _ = frames[3]
    bench.overwrite(path, at, bytes(3 * BLOCK))
    result = bench.mended(before, "several frames")
    with open(path, "rb") as file:
        version = int.from_bytes(file.read()[at + 4:at + 6], "little")
    return result[0], f"{result[1]}, frame version {version}"


def a_header(bench):
    before = bench.entries()
    path = sorted(glob.glob(os.path.join(bench.log, "seg", "*.seg")))[0]
    bench.overwrite(path, 16, b"\xff\xff")
    return bench.mended(before, "a header")


def a_sealed_segment(bench):
    """Its only chunk is damaged: the segment comes back, with entries from the collector."""
    # The plain form of the first one stands until the next segment begins.
    for _ in range(8):
        standing = [path for path in sorted(glob.glob(os.path.join(bench.log, "seg", "*.sealed")))
                    if not os.path.exists(path[:-len("sealed")] + "seg")]
        if standing:
            break
        bench.upload()
    before = bench.entries()  # by way of sealed.py
    if not standing:
        raise Failure(f"no segment is sealed: {sorted(os.listdir(os.path.join(bench.log, 'seg')))}")
    with open(standing[0], "rb") as file:
        data = bytearray(file.read())
    data[len(data) // 2] ^= 1
    bench.overwrite(standing[0], 0, data)
    try:
        bench.entries()
    except AssertionError:
        good, said = bench.mended(before, "a sealed segment")
        # It stands plain, or was sealed anew meanwhile.
        is_plain = os.path.exists(standing[0][:-len("sealed")] + "seg")
        if not is_plain:
            with open(standing[0], "rb") as file:
                good = good and file.read() != bytes(data)
        return good, f"{said}, of {len(standing)} sealed, {'plain' if is_plain else 'sealed again'}"
    return False, "the damage is not seen"


def without(bench):
    """Nobody answers: a new epoch begins at once."""
    path, at, _ = bench.frames()[2]
    bench.overwrite(path, at + 60, b"rotten bytes")
    bench.kill("collector")
    bench.start("gateway")
    status = bench.wait("the gateway answers", bench.status, 45)
    bench.end("gateway")
    with open(path, "rb") as file:
        rotten = file.read()[at + 60:at + 72]
    return status["log"]["epoch"] == 2 and rotten == b"rotten bytes", f"epoch {status['log']['epoch']}"


def main():
    binaries, work = (os.path.abspath(word) for word in sys.argv[1:3])
    Substation.remove(work)
    os.makedirs(work)
    check = Checks()
    bench = Bench(binaries, work)
    try:
        bench.start("simulator")
        bench.start("collector")
        for _ in range(3):
            bench.upload()
        guarded(check, "a damaged frame comes back byte for byte", lambda: one_frame(bench))
        guarded(check, "several that were lost together come back", lambda: several_frames(bench))
        guarded(check, "the header of a segment does", lambda: a_header(bench))
        guarded(check, "a sealed segment does", lambda: a_sealed_segment(bench))
        guarded(check, "without the collector a new epoch begins", lambda: without(bench))
    finally:
        bench.close()
    sys.exit(check.close())


if __name__ == "__main__":
    main()
