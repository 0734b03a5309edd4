#!/usr/bin/env python3
"""minimalmodbus and pymodbus read every register of every emulated Modbus meter.

    modbus_clients.py BIN-DIRECTORY WORK-DIRECTORY

Starts tally-sim on boards/native/sim. What the clients bring is decoded here, with struct and by what the
profile's YAML says, and compared with the plant as emulated_meters.py computes it a second time, with the
clients' own decoders, and with each other. Then what must be refused, and what must be met with silence.
Prints "N passed, N failed"; exits 0 only if nothing failed.
"""
import os
import pathlib
import signal
import struct
import sys
import time
import types

import minimalmodbus
import serial
import yaml
from pymodbus import FramerType, ModbusException
from pymodbus.client import ModbusSerialClient

import bench
from emulated_meters import Site

check = bench.Checks()
BAUD = 9600
ABSENT = 0.3  # seconds after which a meter that has not begun to answer will not
FORMATS = {"u16": ">H", "i16": ">h", "u32": ">I", "i32": ">i", "f32": ">f", "u64": ">Q", "i64": ">q"}
# minimalmodbus's names for the orders of two registers.
MINIMAL_ORDER = {"ABCD": minimalmodbus.BYTEORDER_BIG, "BADC": minimalmodbus.BYTEORDER_BIG_SWAP,
                 "CDAB": minimalmodbus.BYTEORDER_LITTLE_SWAP, "DCBA": minimalmodbus.BYTEORDER_LITTLE}


def decode(registers, point, order):
    """A point's value in the device's unit, from the registers of its request."""
    kind, offset = point["type"], point["offset"]
    if kind == "bcd":
        data = struct.pack(f">{len(registers)}H", *registers)[2 * offset:2 * offset + point["bytes"]]
        return int(data.hex()) / 10 ** point.get("decimals", 0)
    size = struct.calcsize(FORMATS[kind])
    words = registers[offset:offset + size // 2]
    data = struct.pack(f"{'<' if order in ('BADC', 'DCBA') else '>'}{len(words)}H",
                       *(words[::-1] if order in ("CDAB", "DCBA") else words))
    return struct.unpack(FORMATS[kind], data)[0] / 10 ** point.get("decimals", 0)


# --- what the plant says, in the units of the devices: value and the part that may be missing or too much

def expectations(site, unit, quantity):
    power = {1: site.auxiliary() * 15_000, 2: site.auxiliary() * 12_000}.get(unit)  # W
    energy = {1: 20_315.4 + site.own_use() * 15, 2: 8_801.3 + site.own_use() * 12}.get(unit)
    factor = {1: 0.86, 2: 0.84}.get(unit)
    heat = 78 + 2.2 * site.generator()
    standard = heat * 3600 / 38.931 * 293.15 / 273.15
    used = (78 * site.hours() + 2.2 * site.generated()) * 3600 / 38.931 * 293.15 / 273.15
    if quantity.startswith("voltage"):
        return 400 / 3 ** 0.5, 0.013
    if quantity.startswith("current"):
        return power / factor / 3 ** 0.5 / 400, 0.02
    if quantity.startswith("active-power-"):
        return power / 3, 0.008
    known = {
        "active-power": (power, 0.008), "active-energy-import": (energy, 1e-5),
        "active-energy-export": (0, 0), "frequency": (50, 0.001), "power-factor": (factor, 0.003),
        "gas-flow-standard": (standard, 0.007), "gas-volume-standard": (31_415_926.5358 + used, 0)}
    if quantity == "apparent-power":
        return power / factor, 0.01
    if quantity == "reactive-power":
        return power / factor * (1 - factor ** 2) ** 0.5, 0.01
    return known.get(quantity)


# What a gas turbine of 130 MW can send through its stack, for what has no equation here.
RANGES = {
    "co2-volume-fraction": (2.4, 3.7), "o2-volume-fraction": (12, 15), "moisture": (3, 12),
    "no-volume-fraction": (5, 80), "nox-volume-fraction": (5, 90), "co-volume-fraction": (0, 30),
    "stack-gas-temperature": (80, 130), "stack-gas-pressure": (-600, 600),
    "stack-gas-velocity": (5, 40), "gas-flow-actual": (1e3, 1e5), "gas-volume-actual": (1e6, 1e9),
    "gas-temperature": (-10, 60), "gas-pressure": (100, 5_000)}


def compare(site, unit, request, order, by, before):
    """All points of one request, by what each client read; the plant went on while they did."""
    for point in request["points"]:
        quantity = point["quantity"]
        values = {client: decode(registers, point, order) for client, registers in by.items()}
        if quantity in RANGES:
            low, high = RANGES[quantity]
            a, b = values.values()
            alike = abs(a - b) <= 0.05 * abs(a) + 0.6
        else:
            (first, part), (last, _) = before[quantity], expectations(site, unit, quantity)
            step = 1.01 / 10 ** point["decimals"] if "decimals" in point else 0.003
            low = min(first, last) - abs(first) * part - step
            high = max(first, last) + abs(last) * part + step
            alike = True
        check(f"unit {unit} {request['name']}: {quantity}",
              alike and all(low <= v <= high for v in values.values()), f"{values}, {low} to {high}")


def read_all(site, device):
    """Every request of every profile on the line, by both clients."""
    with open(f"{bench.ROOT}/boards/native/sim/site.yaml") as file:
        line = next(line for line in yaml.safe_load(file)["lines"] if line["name"] == "line-b")
    for meter in line["devices"]:
        profile = yaml.safe_load(
            (bench.ROOT / f"Sources/Catalog/Profiles/{meter['profile']}.yaml").read_text())
        unit, order = meter["address"], profile["word_order"]
        for request in profile["requests"]:
            place = (request["address"], request["count"])
            before = {q: expectations(site, unit, q) for q in (p["quantity"] for p in request["points"])}
            with pymodbus_client(device) as client:
                read = {3: client.read_holding_registers, 4: client.read_input_registers}
                answer = read[request["function"]](place[0], count=place[1], device_id=unit)
                theirs = answer.registers
            with closing(instrument(device, unit)) as minimal:
                ours = minimal.read_registers(*place, functioncode=request["function"])
            compare(site, unit, request, order, {"minimalmodbus": ours, "pymodbus": theirs}, before)
            own_decoders(device, unit, request, order, theirs)


def own_decoders(device, unit, request, order, registers):
    """The clients' own decoders agree with the one here: pymodbus on the same registers, minimalmodbus on
    the first point read alone."""
    point = request["points"][0]
    if point["type"] not in ("f32", "i32"):
        return
    here = decode(registers, point, order) * 10 ** point.get("decimals", 0)
    if order in ("ABCD", "CDAB"):
        kind = {"f32": ModbusSerialClient.DATATYPE.FLOAT32, "i32": ModbusSerialClient.DATATYPE.INT32}
        theirs = ModbusSerialClient.convert_from_registers(
            registers[point["offset"]:point["offset"] + 2], kind[point["type"]],
            word_order="big" if order == "ABCD" else "little")
        check(f"unit {unit} {request['name']}: pymodbus decodes the first value alike", theirs == here,
              f"{theirs}, here {here}")
    with closing(instrument(device, unit)) as minimal:
        read = minimal.read_float if point["type"] == "f32" else minimal.read_long
        more = {} if point["type"] == "f32" else {"signed": True}
        value = read(request["address"] + point["offset"], functioncode=request["function"],
                     byteorder=MINIMAL_ORDER[order], **more)
    check(f"unit {unit} {request['name']}: minimalmodbus decodes the first value alike",
          abs(value - here) <= abs(here) * 0.05 + 0.6, f"{value}, here {here}")


# --- the clients

def pymodbus_client(device):
    return ModbusSerialClient(device, framer=FramerType.RTU, baudrate=BAUD, timeout=ABSENT, retries=0)


def instrument(device, unit):
    made = minimalmodbus.Instrument(device, unit, close_port_after_each_call=False)
    made.serial.baudrate = BAUD
    made.serial.timeout = ABSENT
    return made


def closing(made):
    """minimalmodbus keeps its ports for the life of the process, and its object as if it were open."""
    class Closing:
        def __enter__(self):
            return made

        def __exit__(self, *_):
            made.serial.close()
            minimalmodbus._serialports.clear()
    return Closing()


# --- what must be refused

def refusals(device):
    minimal_cases = [
        ("an illegal address", minimalmodbus.IllegalRequestError, "illegal data address",
         lambda i: i.read_registers(0x3000, 2, functioncode=4)),
        ("a range that ends past what there is", minimalmodbus.IllegalRequestError,
         "illegal data address", lambda i: i.read_registers(0x12 - 1, 2, functioncode=4)),
        ("a function that writes", minimalmodbus.IllegalRequestError, "illegal function",
         lambda i: i.write_register(0, 1, functioncode=6)),
        ("a function that writes many", minimalmodbus.IllegalRequestError, "illegal function",
         lambda i: i.write_registers(0, [1, 2])),
        ("a function that the meter has not", minimalmodbus.IllegalRequestError, "illegal function",
         lambda i: i.read_registers(0, 2, functioncode=3))]
    for name, kind, text, ask in minimal_cases:
        with closing(instrument(device, 1)) as minimal:
            check(f"minimalmodbus: {name} is refused", *raises(kind, text, lambda: ask(minimal)))
    with closing(instrument(device, 99)) as minimal:
        check("minimalmodbus: a wrong unit is silent",
              *raises(minimalmodbus.NoResponseError, "", lambda: minimal.read_registers(0, 2)))

    def exception(ask):
        with pymodbus_client(device) as client:
            try:
                answer = ask(client)
            except ModbusException as error:
                return f"{error}"
            return answer.exception_code if answer.isError() else answer
    for name, code, ask in [
            ("an illegal address", 2, lambda c: c.read_input_registers(0x3000, count=2, device_id=1)),
            ("the last address and one more", 2,
             lambda c: c.read_input_registers(0xFFFF, count=2, device_id=1)),
            ("a function that writes", 1, lambda c: c.write_register(0, 1, device_id=1)),
            ("a function that the meter has not", 1,
             lambda c: c.read_holding_registers(0, count=2, device_id=1)),
            ("reading bits", 1, lambda c: c.read_coils(0, count=8, device_id=1))]:
        found = exception(ask)
        check(f"pymodbus: {name} is exception {code}", found == code, found)
    found = exception(lambda c: c.read_input_registers(0, count=2, device_id=99))
    check("pymodbus: a wrong unit is silent", "No response" in str(found), found)


def raises(kind, text, ask):
    try:
        return False, f"no error, {ask()}"
    except kind as error:
        return text in str(error), f"{error}"
    except Exception as error:  # pylint: disable=broad-except
        return False, f"{type(error).__name__}: {error}"


# --- bytes that no client sends

def crc(data):
    """CRC-16/MODBUS, bit by bit (Modbus over Serial Line V1.02, 6.2.2)."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return struct.pack("<H", value)


def frame(*values, form=">BBHH"):
    body = struct.pack(form, *values)
    return body + crc(body)


def exchange(port, *pieces, gap=0.0):
    """Writes pieces with a gap between them; what comes until the line is silent."""
    port.reset_input_buffer()
    for number, piece in enumerate(pieces):
        if number:
            time.sleep(gap)
        os.write(port.fileno(), piece)
    reply = port.read(1)
    if reply:
        port.timeout = 0.05  # many characters' time
        while more := port.read(256):
            reply += more
        port.timeout = ABSENT
    return reply


def is_reply(reply, unit, function, count):
    return (len(reply) == 5 + 2 * count and reply[:3] == bytes([unit, function, 2 * count])
            and reply[-2:] == crc(reply[:-2]))


def is_exception(reply, unit, function, code):
    body = bytes([unit, function | 0x80, code])
    return reply == body + crc(body)


def bare_frames(device):
    good = frame(1, 4, 0, 4)
    with serial.Serial(device, BAUD, timeout=ABSENT) as port:
        for name, request, code in [
                ("126 registers", frame(1, 4, 0, 126), 3), ("no registers", frame(1, 4, 0, 0), 3),
                ("65,535 registers", frame(1, 4, 0, 0xFFFF), 3),
                ("function 43", frame(1, 43, 0x0E01, 0), 1)]:
            reply = exchange(port, request)
            check(f"{name}: exception {code}", is_exception(reply, 1, request[1], code), reply.hex())
        check("a good frame is answered", is_reply(exchange(port, good), 1, 4, 4))
        for name, request in [
                ("broadcast", frame(0, 4, 0, 4)), ("another unit", frame(77, 4, 0, 4)),
                ("a wrong CRC", good[:-1] + bytes([good[-1] ^ 1])),
                ("a CRC with its bytes swapped", good[:-2] + good[:-3:-1]), ("a frame cut short", good[:-1]),
                ("a frame with a byte too much", good + b"\x00"), ("one byte", b"\x01"),
                ("two frames without silence between", good + good)]:
            reply = exchange(port, request)
            check(f"{name}: silence", reply == b"", reply.hex())
            check("… and the next frame is answered", is_reply(exchange(port, good), 1, 4, 4))
        check("a frame in two writes is answered",
              any(is_reply(exchange(port, good[:3], good[3:]), 1, 4, 4) for _ in range(3)))
        check("a frame in eight writes is answered", any(
            is_reply(exchange(port, *(bytes([b]) for b in good)), 1, 4, 4) for _ in range(3)))
        reply = exchange(port, good[:3], good[3:], gap=0.06)
        check("a frame that is torn by silence is not", reply == b"", reply.hex())
        back_to_back(port, good)


def back_to_back(port, first):
    """The second request goes out as soon as the first answer is there: two whole answers."""
    second = frame(2, 4, 0, 6)
    port.reset_input_buffer()
    replies = []
    for request, length in ((first, 13), (second, 17)) * 3:
        time.sleep(38.5 / BAUD)  # the silence that the client owes the line
        os.write(port.fileno(), request)
        replies.append(port.read(length))
    good = [is_reply(reply, 1 + k % 2, 4, (4, 6)[k % 2]) for k, reply in enumerate(replies)]
    check("requests right after the answers are all answered", all(good), good)
    # Into the meter's turnaround: it does not hear, and must not answer twice or for the other.
    reply = exchange(port, first, second, gap=0.015)
    check("a request into another's answer brings no second one",
          not any(is_reply(reply[k:k + 17], 2, 4, 6) for k in range(len(reply))), reply.hex())
    check("and the line is usable afterwards", is_reply(exchange(port, second), 2, 4, 6))


def main():
    programs, _ = bench.arguments(__doc__)
    share = os.environ.get("TALLYSTICK_SHARE", f"{bench.ROOT}/.build/share/tallystick")
    site = Site(types.SimpleNamespace(tally_sim=str(programs / "tally-sim"), share=share))
    try:
        site.start()
        device = f"{site.directory}/line-b"
        read_all(site, device)
        refusals(device)
        bare_frames(device)
    finally:
        if site.process:
            site.stop(signal.SIGTERM)
        pathlib.Path(site.directory, "plant-start").unlink(missing_ok=True)
    return check.close()


if __name__ == "__main__":
    sys.exit(main())
