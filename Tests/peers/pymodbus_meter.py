#!/usr/bin/env python3
"""tallyd reads a meter that pymodbus emulates; every value in the collector must be the one served.

    pymodbus_meter.py BIN-DIRECTORY WORK-DIRECTORY

pymodbus shares no code with Tallystick: its server, its framing and its encoding of numbers answer on one
pseudo-terminal, and tallyd reads on another that is wired to it. The values go the whole way: request,
answer, journal, checkpoint, mirror, decoder, database, GET /api/readings. Prints what was compared;
exits 0 only if all is equal.
"""
import asyncio
import os
import sys
import time
from decimal import Decimal

import bench

from pymodbus.server import StartAsyncSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

UNIT = 17
PORT = 9410
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


def profile(count, points):
    return (
        "profile: 1\nvendor: pymodbus\nmodel: Peer\nlabel: {en: Peer, zh: 对照设备}\n"
        "protocol: modbus-rtu\nword_order: ABCD\n"
        "sources:\n  - id: peer\n    document: Tests/peers/pymodbus_meter.py\n"
        "    url: https://github.com/pymodbus-dev/pymodbus\n"
        f"requests:\n  - name: all\n    function: 3\n    address: 100\n    count: {count}\n"
        "    source: peer POINTS\n    points:\n" + "".join(f"      - {p}\n" for p in points))


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
    programs, work = bench.arguments(__doc__)
    blocks, points, count = registers()
    bench.write_share(work / "share", {"pymodbus-peer": profile(count, points)})
    bench.write_site(
        work / "site.yaml", f"http://127.0.0.1:{PORT}",
        {"line-a": [f"{{number: 1, label: {{en: Peer, zh: 对照设备}}, address: {UNIT}, "
                    "profile: pymodbus-peer, period_ms: 1000}"]})
    meter, gateway = bench.open_line(), bench.open_line()
    bench.wire(meter[0], gateway[0])
    os.symlink(gateway[2], work / "dev/line-a")
    server = asyncio.create_task(StartAsyncSerialServer(
        SimDevice(UNIT, simdata=blocks), port=meter[2], baudrate=19200, parity="N", stopbits=1))
    await asyncio.sleep(0.5)
    chain = bench.Chain(programs, work, PORT, work / "share", work / "site.yaml")
    try:
        await asyncio.to_thread(chain.start_collector)
        chain.start_gateway()
        deadline = time.monotonic() + SECONDS
        readings = []
        while time.monotonic() < deadline and len(readings) < 5 * len(POINTS):
            await asyncio.sleep(0.5)
            readings = await asyncio.to_thread(chain.readings)
    finally:
        await asyncio.to_thread(chain.stop)
        server.cancel()
    return compare(readings)


if __name__ == "__main__":
    sys.exit(1 if asyncio.run(main()) else 0)
