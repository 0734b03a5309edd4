#!/usr/bin/env python3
"""tallyd reads meters that modbus-tk and pymodbus emulate: every type in every word order, values that change,
and servers that misbehave.

    modbus_servers.py BIN-DIRECTORY WORK-DIRECTORY

Two lines of pseudo-terminals. What the servers are given is encoded here with struct, and must be what the
gateway shows (`tally status --json`) and what the collector has decoded from its log. Whatever a server does
wrong may cost readings and may never make one: no value may appear that no server was given for that device.
Prints "N passed, N failed"; exits 0 only if nothing failed.
"""
import asyncio
import os
import struct
import sys
import threading
import time
from decimal import Decimal

import modbus_tk.hooks
import modbus_tk.modbus_rtu
import serial
from modbus_tk import defines
from pymodbus.server import StartAsyncSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

import bench

check = bench.Checks()
PORT = 9420
BAUD = 19200
ORDERS = ("ABCD", "BADC", "CDAB", "DCBA")
FORMATS = {"u16": "H", "i16": "h", "u32": "I", "i32": "i", "f32": "f", "u64": "Q", "i64": "q", "f64": "d"}

# Quantity, unit, type, decimals, what is served first and later, and what must be read of each.
POINTS = [
    ("voltage-l1", "V", "u16", 1, (2306, 65535), ("230.6", "6553.5")),
    ("current-l1", "A", "i16", 2, (-1234, -32768), ("-12.34", "-327.68")),
    ("active-energy-import", "kW.h", "u32", 2, (4_000_000_001, 4_294_967_295),
     ("40000000.01", "42949672.95")),
    ("voltage-l2", "V", "i32", 3, (-230_123, -2_147_483_648), ("-230.123", "-2147483.648")),
    ("voltage-l3", "V", "f32", 0, (229.9, 1.0e-7), ("229.9", "0.0000001")),
    # Above 2^53, where a double has no odd numbers.
    ("active-energy-export", "kW.h", "u64", 3, (9_007_199_254_740_993, 9_223_372_036_854_775_807),
     ("9007199254740.993", "9223372036854775.807")),
    ("current-l2", "A", "i64", 6, (-123_456_789_012_345, 1), ("-123456789.012345", "0.000001")),
    ("current-l3", "A", "f64", 0, (3.141592653589793, -2.5), ("3.141592653589793", "-2.5")),
    ("frequency", "Hz", "bcd", 2, (0x5001, 0x4999), ("50.01", "49.99"))]


def words(kind, value, order):
    """A value as the registers of a device with this word order."""
    if kind == "bcd":
        return [value]
    data = struct.pack(">" + FORMATS[kind], value)
    found = list(struct.unpack(f"{'<' if order in ('BADC', 'DCBA') else '>'}{len(data) // 2}H", data))
    return found[::-1] if order in ("CDAB", "DCBA") else found


def block(order, time_of=0):
    """The registers from 100 on."""
    return [word for _, _, kind, _, served, _ in POINTS for word in words(kind, served[time_of], order)]


HEAD = ("profile: 1\nvendor: peer\nmodel: Peer\nlabel: {en: Peer, zh: 对照设备}\nprotocol: modbus-rtu\n"
        "sources:\n  - id: peer\n    document: Tests/peers/modbus_servers.py\n"
        "    url: https://github.com/ljean/modbus-tk\n")


def point(quantity, unit, kind, offset, more=""):
    return (f"      - {{quantity: {quantity}, unit: \"{unit}\", type: {kind}, offset: {offset}, "
            f"label: {{en: {quantity}, zh: {quantity}}}{more}}}\n")


def request(name, function, address, count, points):
    return (f"  - name: {name}\n    function: {function}\n    address: {address}\n    count: {count}\n"
            "    source: peer POINTS\n    points:\n" + points)


def profiles():
    found = {}
    for order in ORDERS:
        offset, points = 0, ""
        for quantity, unit, kind, decimals, _, _ in POINTS:
            more = f", decimals: {decimals}" if decimals else ""
            points += point(quantity, unit, kind, offset, more + (", bytes: 2" if kind == "bcd" else ""))
            offset += len(words(kind, 0, order))
        function = 3 if order in ("ABCD", "BADC") else 4
        found[f"peer-{order.lower()}"] = (
            HEAD + f"word_order: {order}\nrequests:\n" + request("all", function, 100, offset, points))
    # Two requests of one shape: nothing in an answer says which of them it answers.
    found["peer-pair"] = HEAD + "word_order: ABCD\nrequests:\n" + "".join(
        request(name, 3, address, 1, point(quantity, "V", "u16", 0))
        for name, address, quantity in (("first", 10, "voltage-l1"), ("second", 20, "voltage-l2")))
    found["peer-bits"] = HEAD + "word_order: ABCD\nrequests:\n" + "".join(
        request(name, function, 3, 11, point(quantity, "1", "bit", 10))
        for name, function, quantity in (("coils", 1, "power-factor-l1"), ("inputs", 2, "power-factor-l2")))
    return found


def device(number, unit, profile, timeout=150):
    return (f"{{number: {number}, label: {{en: D{number}, zh: 设备{number}}}, address: {unit}, profile: "
            f"{profile}, period_ms: 500, timeout_ms: {timeout}, attempts: 1}}")


# --- modbus-tk, and what it does wrong

def crc(data):
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return struct.pack("<H", value)


def sealed(body):
    return body + crc(body)


MISDEEDS = {
    # What the answer becomes, and the outcome that the gateway must log; None: the value all the same.
    "exception 2": (lambda r: sealed(bytes([r[0], r[1] | 0x80, 2])), "exception"),
    "exception 6, busy": (lambda r: sealed(bytes([r[0], r[1] | 0x80, 6])), "exception"),
    "no answer": (lambda r: b"", "timeout"),
    "another unit's id": (lambda r: sealed(bytes([r[0] + 100]) + r[1:-2]), "timeout"),
    "another function": (lambda r: sealed(bytes([r[0], 7 - r[1]]) + r[2:-2]), "timeout"),
    "another length": (lambda r: sealed(r[:2] + bytes([r[2] - 2]) + r[3:-4]), "timeout"),
    "truncated": (lambda r: r[:-3], "badChecksum"),
    "a wrong CRC": (lambda r: r[:-1] + bytes([r[-1] ^ 0x10]), "badChecksum"),
    "a changed byte": (lambda r: r[:5] + bytes([r[5] ^ 1]) + r[6:], "badChecksum"),
    "garbage in front": (lambda r: b"\x00\xff\x13\x01\x03" + r, None),
    "garbage behind": (lambda r: r + b"\x00\xff", None),
    "its own echo in front": (lambda r: ToolKit.last_request + r, None),
    "in pieces": (lambda r: [r[:4], r[4:11], r[11:]], None)}


class ToolKit:
    """A modbus-tk server; `misdeed` changes the answers of unit 1."""

    last_request = b""

    def __init__(self, path):
        self.path, self.misdeed, self.answers, self.server = path, None, 0, None
        self.late = 0.0
        modbus_tk.hooks.install_hook("modbus_rtu.RtuServer.after_read", self.after_read)
        modbus_tk.hooks.install_hook("modbus_rtu.RtuServer.before_write", self.before_write)

    def start(self, time_of):
        port = serial.Serial(self.path, BAUD)
        self.server = modbus_tk.modbus_rtu.RtuServer(port)
        for unit, order in enumerate(ORDERS, 1):
            registers = block(order, time_of)
            memory = self.server.add_slave(unit)
            for name, kind in (("h", defines.HOLDING_REGISTERS), ("i", defines.ANALOG_INPUTS)):
                memory.add_block(name, kind, 100, len(registers))
                memory.set_values(name, 100, registers)
        pair = self.server.add_slave(5)
        pair.add_block("h", defines.HOLDING_REGISTERS, 0, 32)
        pair.set_values("h", 10, [1111])
        pair.set_values("h", 20, [2222])
        bits = self.server.add_slave(6)
        for name, kind, value in (("c", defines.COILS, 1), ("d", defines.DISCRETE_INPUTS, 0)):
            bits.add_block(name, kind, 0, 32)
            bits.set_values(name, 0, [1 - value] * 32)
            bits.set_values(name, 13, value)
        self.server.start()

    def stop(self):
        self.server.stop()
        bench.wait_until(lambda: not self.server._serial.is_open, 5)

    def after_read(self, call):
        ToolKit.last_request = call[1]

    def before_write(self, call):
        server, response = call
        if not response:
            return None
        if response[0] == 5 and self.late and ToolKit.last_request[3] == 10:
            # From another thread: the server hears the next request meanwhile.
            threading.Timer(self.late, server._serial.write, (response,)).start()
            return b""
        if response[0] != 1 or self.misdeed is None:
            return None
        self.answers += 1
        changed = MISDEEDS[self.misdeed][0](response)
        if isinstance(changed, list):
            for piece in changed:
                server._serial.write(piece)
                time.sleep(0.012)
            return b""
        return changed


# --- what is seen

def values(chain, number):
    """Quantity → (value, status, utc) of a device, as `tally status` shows it."""
    status = chain.status()
    found = next((d for d in status.get("devices", []) if d["number"] == number), {"values": []})
    return {v["quantity"]: (v["value"], v["status"], v["utc"]) for v in found["values"]}


def state(chain, number):
    return next((d["state"] for d in chain.status().get("devices", []) if d["number"] == number), None)


def shows(chain, number, time_of):
    found = values(chain, number)
    return all(
        quantity in found and found[quantity][0] is not None and found[quantity][1] == 0
        and Decimal(found[quantity][0]) == Decimal(expected[time_of])
        for quantity, _, _, _, _, expected in POINTS)


def first_values(chain):
    for line, server in ((100, "modbus-tk"), (200, "pymodbus")):
        for unit, order in enumerate(ORDERS, 1):
            good = bench.wait_until(lambda: shows(chain, line + unit, 0), 10)
            check(f"{server}: nine types in {order}", good, values(chain, line + unit))
    found = values(chain, 106)
    check("modbus-tk: a coil and an input", [found[f"power-factor-l{k}"][0] for k in (1, 2)] == ["1", "0"],
          found)
    pair = values(chain, 105)
    check("modbus-tk: two requests of one shape", pair["voltage-l1"][0] == "1111"
          and pair["voltage-l2"][0] == "2222", pair)


def misdeeds(chain, tool):
    for name, (_, outcome) in MISDEEDS.items():
        before = values(chain, 101)["voltage-l1"][2]
        tool.answers = 0
        tool.misdeed = name
        bench.wait_until(lambda: tool.answers >= 1, 5, 0.02)
        if outcome is None:
            good = bench.wait_until(
                lambda: shows(chain, 101, 1) and values(chain, 101)["voltage-l1"][2] > before, 3)
            check(f"{name}: the value is read", good, values(chain, 101))
        else:
            number = {"timeout": 1, "badChecksum": 2, "exception": 3}[outcome]
            good = bench.wait_until(
                lambda: values(chain, 101)["voltage-l1"][:2] == (None, number), 2, 0.05)
            check(f"{name}: no value, {outcome}", good, values(chain, 101)["voltage-l1"])
        check("… and the neighbour is read as ever", shows(chain, 102, 1), values(chain, 102))
        tool.misdeed = None
        if not bench.wait_until(lambda: shows(chain, 101, 1), 5):
            check(f"after {name} the device is read again", False, values(chain, 101))


def late_answers(chain, tool):
    """The first request's answer comes when the second one would be under way: after its time of 300 ms,
    and before as much again has passed, for which the gateway leaves the device alone."""
    for seconds in (0.34, 0.45):
        tool.late = seconds
        bench.wait_until(lambda: values(chain, 105)["voltage-l1"][0] is None, 3, 0.05)
        tool.late = 0.0
        bench.wait_until(lambda: values(chain, 105)["voltage-l1"][0] is not None, 6)
    pair = values(chain, 105)
    check("after late answers both requests are read", pair["voltage-l1"][0] == "1111"
          and pair["voltage-l2"][0] == "2222", pair)


def death(chain, tool):
    tool.stop()
    silent = bench.wait_until(lambda: state(chain, 101) == "silent" and state(chain, 104) == "silent", 8)
    check("a server that died makes its devices silent", silent, [state(chain, n) for n in range(101, 107)])
    check("… and not those of another line", shows(chain, 201, 0), values(chain, 201))
    tool.start(0)
    back = bench.wait_until(lambda: all(shows(chain, 100 + n, 0) for n in (1, 2, 3, 4)), 12)
    check("a server that returned is read", back, values(chain, 101))


def whole_log(chain):
    """All that the collector decoded from the log: nothing but what was served."""
    readings = chain.readings()
    served = {
        (line + unit, quantity): {Decimal(expected[k]) for k in ((0, 1) if line == 100 else (0,))}
        for line in (100, 200) for unit in (1, 2, 3, 4) for quantity, _, _, _, _, expected in POINTS}
    served |= {(105, "voltage-l1"): {Decimal(1111)}, (105, "voltage-l2"): {Decimal(2222)},
               (106, "power-factor-l1"): {Decimal(1)}, (106, "power-factor-l2"): {Decimal(0)}}
    false = [r for r in readings if r["value"] is not None
             and Decimal(r["value"]) not in served[(r["device"], r["quantity"])]]
    check(f"no value but those that were served, in {len(readings)} readings", not false, false[:3])
    seen = {}
    for r in readings:
        if r["value"] is not None:
            seen.setdefault((r["device"], r["quantity"]), set()).add(Decimal(r["value"]))
    check("every value that was served is in the log", seen == served,
          {k: (seen.get(k), v) for k, v in served.items() if seen.get(k) != v})
    outcomes = {r["status"] for r in readings if r["device"] == 101}
    check("and every outcome", {"good", "timeout", "badChecksum", "exception"} <= outcomes, outcomes)


async def serve_pymodbus(path):
    blocks = [SimDevice(unit, simdata=[SimData(100, values=block(order), datatype=DataType.REGISTERS)])
              for unit, order in enumerate(ORDERS, 1)]
    await StartAsyncSerialServer(blocks, port=path, baudrate=BAUD, parity="N", stopbits=1)


def main():
    programs, work = bench.arguments(__doc__)
    lines = ("line-a", "line-b")
    bench.write_share(work / "share", profiles(), lines)
    bench.write_site(work / "site.yaml", f"http://127.0.0.1:{PORT}", {
        "line-a": [device(100 + unit, unit, f"peer-{order.lower()}") for unit, order in enumerate(ORDERS, 1)]
        + [device(105, 5, "peer-pair", 300), device(106, 6, "peer-bits")],
        "line-b": [device(200 + unit, unit, f"peer-{order.lower()}") for unit, order in enumerate(ORDERS, 1)]})
    run(bench.Chain(programs, work, PORT, work / "share", work / "site.yaml"), work, lines)
    return check.close()


def run(chain, work, lines):
    meters = {}
    for line in lines:
        meters[line], gateway = bench.open_line(), bench.open_line()
        bench.wire(meters[line][0], gateway[0])
        os.symlink(gateway[2], work / "dev" / line)
    tool = ToolKit(meters["line-a"][2])
    tool.start(0)
    threading.Thread(target=lambda: asyncio.run(serve_pymodbus(meters["line-b"][2])), daemon=True).start()
    try:
        chain.start_collector()
        chain.start_gateway()
        first_values(chain)
        for unit, order in enumerate(ORDERS, 1):
            memory = tool.server.get_slave(unit)
            for name in ("h", "i"):
                memory.set_values(name, 100, block(order, 1))
        for unit in (1, 2, 3, 4):
            good = bench.wait_until(lambda: shows(chain, 100 + unit, 1), 5)
            check(f"unit {unit}: changed values are seen", good, values(chain, 100 + unit))
        misdeeds(chain, tool)
        late_answers(chain, tool)
        death(chain, tool)
        bench.wait_until(lambda: chain.status()["log"]["size"] == chain.status()["log"]["acknowledged"], 3)
        size = chain.status()["log"]["signed"]
        bench.wait_until(lambda: chain.status()["log"]["acknowledged"] >= size, 5)
        time.sleep(0.5)
        whole_log(chain)
    finally:
        chain.stop()
        tool.stop()


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # pymodbus's server has no end of its own
