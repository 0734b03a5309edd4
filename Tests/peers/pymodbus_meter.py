#!/usr/bin/env python3
"""tallyd reads a meter that pymodbus emulates; every value in the collector must be the one served.

    pymodbus_meter.py BIN-DIRECTORY WORK-DIRECTORY

pymodbus shares no code with Tallystick: its server, its framing and its encoding of numbers answer on one
pseudo-terminal, and tallyd reads on another that is wired to it. The values go the whole way: request,
answer, journal, checkpoint, mirror, decoder, database, GET /api/readings. Prints what was compared;
exits 0 only if all is equal.
"""
import asyncio
import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time
import tty
import urllib.parse
import urllib.request
from decimal import Decimal

from pymodbus.server import StartAsyncSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNIT = 17
PORT = 8680
SECONDS = 40

# Quantity, unit, pymodbus's type, the profile's type, byte order on the line, decimals, what is served,
# and the value that must arrive in the unit of the quantity.
F32, I16, U16, I32, U32, I64 = (
    DataType.FLOAT32, DataType.INT16, DataType.UINT16, DataType.INT32, DataType.UINT32, DataType.INT64)
POINTS = [
    ("voltage-l1", "V", F32, "f32", 0, 230.6, "230.6"),
    ("voltage-l2", "V", U16, "u16", 1, 2299, "229.9"),
    ("current-l1", "A", I32, "i32", 3, -12345, "-12.345"),
    ("active-power", "W", F32, "f32", 0, 1500.5, "1.5005"),
    ("active-energy-import", "kW.h", U32, "u32", 2, 4294967295, "42949672.95"),
    ("active-energy-export", "kW.h", I64, "i64", 3, 1234567890123, "1234567890.123"),
    ("power-factor", "1", I16, "i16", 3, -987, "-0.987"),
    ("frequency", "Hz", F32, "f32", 0, 49.98, "49.98"),
]


def registers():
    """pymodbus's blocks and the profile's points, side by side."""
    blocks, points, offset = [], [], 0
    for quantity, unit, datatype, name, decimals, served, _ in POINTS:
        blocks.append(SimData(100 + offset, values=served, datatype=datatype))
        point = f"{{quantity: {quantity}, unit: \"{unit}\", type: {name}, offset: {offset}"
        point += f", label: {{en: {quantity}, zh: {quantity}}}"
        point += f", decimals: {decimals}}}" if decimals else "}"
        points.append(point)
        offset += datatype.value[1] if isinstance(datatype.value, tuple) else SIZE[datatype]
    return blocks, points, offset


SIZE = {F32: 2, I16: 1, U16: 1, I32: 2, U32: 2, I64: 4}


def write_share(share, count, points):
    """A share of its own: the repository's profiles and one for this meter, and a board with one line."""
    shutil.copytree(ROOT / "Sources/Catalog/Profiles", share / "profiles")
    (share / "profiles/pymodbus-peer.yaml").write_text(
        "profile: 1\nvendor: pymodbus\nmodel: Peer\nlabel: {en: Peer, zh: 对照设备}\n"
        "protocol: modbus-rtu\nword_order: ABCD\n"
        "sources:\n  - id: peer\n    document: Tests/peers/pymodbus_meter.py\n"
        "    url: https://github.com/pymodbus-dev/pymodbus\n"
        "requests:\n" + "".join(
            f"  - name: {name}\n    function: {function}\n    address: 100\n    count: {count}\n"
            "    source: peer POINTS\n    points:\n" + "".join(f"      - {p}\n" for p in points)
            for name, function in [("all", 3)]))
    board = share / "boards/test/peer"
    board.mkdir(parents=True)
    (board / "board.yaml").write_text(
        "tallystick: 1\nname: test/peer\nlabel: {en: Test, zh: 测试}\n"
        "ports:\n  - name: line-a\n    device: line-a\n    baud_max: 115200\n"
        "limits: {lines: 1, devices_per_line: 8, streams: 16}\n"
        "storage: {segment_bytes: 1048576, quota_mib: 64}\n")


def write_site(path):
    path.write_text(
        "tallystick: 1\norigin: {domain: peer.tallystick.invalid, serial: pymodbus}\n"
        "timezone: Asia/Shanghai\nboard: test/peer\n"
        f"mirror:\n  url: http://127.0.0.1:{PORT}\n  vkey_file: keys/mirror.vkey\n"
        "log: {commit_ms: 500, checkpoint_ms: 1000}\n"
        "lines:\n  - name: line-a\n    port: line-a\n    baud: 19200\n    format: 8N1\n"
        f"    devices:\n      - {{number: 1, label: {{en: Peer, zh: 对照设备}}, address: {UNIT}, "
        "profile: pymodbus-peer, period_ms: 1000}\n")


def wire(first, second):
    """Passes bytes between the controlling ends of two pseudo-terminals, both ways."""
    def carry(source, target):
        while True:
            try:
                data = os.read(source, 512)
            except OSError:
                return
            os.write(target, data)
    for ends in ((first, second), (second, first)):
        threading.Thread(target=carry, args=ends, daemon=True).start()


def open_line():
    controller, line = os.openpty()
    tty.setraw(line)
    return controller, line, os.ttyname(line)


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if result.returncode:
        sys.exit(f"{' '.join(map(str, command))}: {result.stdout}{result.stderr}")
    return result.stdout


class Chain:
    """Keys, collector and gateway of one short run."""

    def __init__(self, programs, work, share, site):
        self.programs, self.work = programs, work
        self.gateway, self.collector = work / "gateway", work / "collector"
        run(programs / "tally-collector", "init", "--data", self.collector)
        (self.gateway / "keys").mkdir(parents=True, mode=0o700)
        shutil.copy(self.collector / "keys/mirror.vkey", self.gateway / "keys")
        self.vkey = run(programs / "tally", "keys", "create", "--data", self.gateway, "--site", site,
                        "--share", share).split()[-1]
        run(programs / "tally-collector", "enroll", self.vkey, "--data", self.collector)
        environment = os.environ | {"TALLYSTICK_SHARE": str(share), "TALLYSTICK_DEV": str(work / "dev")}
        self.children = [
            self.start("tally-collector", environment, "serve", "--listen", f"127.0.0.1:{PORT}",
                       "--data", self.collector),
            self.start("tallyd", environment, "--site", site, "--data", self.gateway)]

    def start(self, name, environment, *arguments):
        log = open(self.work / f"{name}.log", "ab")
        return subprocess.Popen([self.programs / name, *arguments], env=environment, stdout=log,
                                stderr=log)

    def stop(self):
        for child in reversed(self.children):
            child.terminate()
            child.wait(20)

    def readings(self):
        token = (self.collector / "keys/read.token").read_text().strip()
        query = urllib.parse.urlencode({"origin": self.vkey.split("+")[0], "limit": 1000})
        request = urllib.request.Request(
            f"http://127.0.0.1:{PORT}/api/readings?{query}",
            headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)["readings"]


def compare(readings):
    """All values of all quantities, as decimals: 230.60 equals 230.6."""
    bad = 0
    for quantity, _, _, kind, _, served, expected in POINTS:
        values = [r["value"] for r in readings if r["quantity"] == quantity and r["value"] is not None]
        good = len(values) >= 3 and all(Decimal(v) == Decimal(expected) for v in values)
        print(f"{'ok    ' if good else 'FAILED'}  {quantity:22} {kind} served {served}, "
              f"{len(values)} readings {sorted(set(values))}")
        bad += not good
    return bad


async def main():
    programs, work = (pathlib.Path(a).resolve() for a in sys.argv[1:3])
    shutil.rmtree(work, ignore_errors=True)
    (work / "dev").mkdir(parents=True)
    blocks, points, count = registers()
    write_share(work / "share", count, points)
    write_site(work / "site.yaml")
    meter, gateway = open_line(), open_line()
    wire(meter[0], gateway[0])
    os.symlink(gateway[2], work / "dev/line-a")
    server = asyncio.create_task(StartAsyncSerialServer(
        SimDevice(UNIT, simdata=blocks), port=meter[2], baudrate=19200, parity="N", stopbits=1))
    await asyncio.sleep(0.5)
    chain = Chain(programs, work, work / "share", work / "site.yaml")
    try:
        deadline = time.monotonic() + SECONDS
        readings = []
        while time.monotonic() < deadline and len(readings) < 5 * len(POINTS):
            await asyncio.sleep(1)
            try:
                readings = await asyncio.to_thread(chain.readings)
            except OSError:
                continue
    finally:
        await asyncio.to_thread(chain.stop)
        server.cancel()
    return compare(readings)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(1 if asyncio.run(main()) else 0)
