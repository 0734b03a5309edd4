#!/usr/bin/env python3
"""Reads the emulated meters with clients that others wrote: mbpoll (Debian) and dlt645 (PyPI).

    emulated_meters.py [--tally-sim PATH] [--share DIR]

Starts the built tally-sim on boards/native/sim and compares what the clients read with values that
this script computes itself from the plant data: its own PCHIP, its own integral, the equations as
stated. Prints "N passed, N failed"; exits 0 only if nothing failed, 2 if a client is missing.

dlt645 3.2.0 is used for single values. It knows neither blocks with follow-up frames nor the error
byte as such (it returns None), so these are read as frames through pyserial.
"""
import argparse
import bisect
import csv
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
try:
    from loguru import logger
    import serial
    logger.remove()
    from dlt645 import MeterClientService
except ImportError as error:
    print(f"emulated_meters: {error}; scripts/setup --tests installs it", file=sys.stderr)
    sys.exit(2)

passed = failed = 0


def check(name, good, detail=""):
    global passed, failed
    if good:
        passed += 1
        print(f"ok      {name}")
    else:
        failed += 1
        print(f"FAILED  {name}  {detail}")


def near(name, value, expected, part=0.0, absolute=0.0):
    bound = abs(expected) * part + absolute
    good = value is not None and abs(value - expected) <= bound
    check(name, good, f"read {value}, expected {expected} ± {bound}")


def counted(name, read, expected, absolute):
    """Reads a counter: it must lie between what is expected before and after the reading."""
    low, value, high = expected(), read(), expected()
    good = value is not None and low - absolute <= value <= high + absolute
    check(name, good, f"read {value}, expected {low} to {high} ± {absolute}")
    return value


# --- the plant, computed a second time

class Curve:
    """PCHIP through hourly means that stand in the middle of their hours; the ring is closed."""

    def __init__(self, y):
        self.y, n = y, len(y)
        rise = [y[(k + 1) % n] - y[k] for k in range(n)]
        self.slope = [
            2 * rise[k - 1] * rise[k] / (rise[k - 1] + rise[k]) if rise[k - 1] * rise[k] > 0 else 0
            for k in range(n)]

    def __call__(self, hours):
        n = len(self.y)
        k = math.floor(hours - 0.5)
        u = hours - 0.5 - k
        y0, y1 = self.y[k % n], self.y[(k + 1) % n]
        d0, d1 = self.slope[k % n], self.slope[(k + 1) % n]
        # Hermite basis.
        return (y0 * (1 + 2 * u) * (1 - u) ** 2 + d0 * u * (1 - u) ** 2
                + y1 * u * u * (3 - 2 * u) + d1 * u * u * (u - 1))

    def integral(self, hours, steps=400):
        """From 0 by Simpson's rule on each half hour, exact for cubics."""
        edges = [k / 2 for k in range(int(hours * 2) + 1)] + [hours]
        return sum((b - a) / 6 * (self(a) + 4 * self((a + b) / 2) + self(b))
                   for a, b in zip(edges, edges[1:]))


class Site:
    def __init__(self, options):
        self.options = options
        self.directory = tempfile.mkdtemp(prefix="tally-sim-")
        self.process = None
        with open(f"{ROOT}/Sources/tally-sim/PlantData/gas-turbine-2014.csv") as file:
            rows = list(csv.DictReader(file))
        self.power = Curve([float(row["turbine_energy_yield_MWh"]) for row in rows])

    def start(self, *more):
        command = [
            self.options.tally_sim, "site", "--board", f"{ROOT}/boards/native/sim",
            "--site", f"{ROOT}/boards/native/sim/site.yaml", "--dev", self.directory,
            "--share", self.options.share, "--start", "2014-01-02T06", *more]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        lines = []
        for line in self.process.stdout:
            lines.append(line.strip())
            if line.strip() == "ready":
                return lines
        sys.exit(f"tally-sim ended before it was ready: {lines}")

    def stop(self, signal_number=signal.SIGTERM):
        self.process.send_signal(signal_number)
        return self.process.wait(10)

    def hours(self):
        """Plant time now, from the file that tally-sim keeps."""
        with open(f"{self.directory}/plant-start") as file:
            start = dict(line.split() for line in file)
        passed = time.clock_gettime(time.CLOCK_BOOTTIME) * 1e6 - int(start["mono"])
        return (int(start["plant"]) + passed * int(start["speed"])) / 3.6e9

    # The stated equations, in MW and MWh.
    def generator(self):
        return self.power(self.hours())

    def auxiliary(self):
        return 1.2 + 0.015 * self.generator()

    def generated(self):
        return self.power.integral(self.hours())

    def own_use(self):
        return 1.2 * self.hours() + 0.015 * self.generated()


def mbpoll(device, unit, kind, first, count=1, big=True, timeout=1.0):
    """Reads `count` values; returns them, or the error's text."""
    command = ["mbpoll", "-m", "rtu", "-b", "9600", "-P", "none", "-a", str(unit), "-t", kind, "-0",
               "-r", str(first), "-c", str(count), "-1", "-o", str(timeout)]
    result = subprocess.run(command + (["-B"] if big else []) + [device],
                            capture_output=True, text=True, timeout=30)
    text = result.stdout + result.stderr
    found = re.findall(r"^\[\d+\]:\s+(\S+)", text, re.MULTILINE)
    if len(found) != count:
        return text
    return [int(v, 16) if v.startswith("0x") else float(v) for v in found]


def test_modbus(site, device):
    # One register read makes mbpoll and the meter meet; later ones are compared.
    volts = mbpoll(device, 1, "3:float", 0, 3)
    for phase, value in zip("123", volts if isinstance(volts, list) else [None] * 3):
        near(f"SDM630 voltage L{phase}", value, 400 / math.sqrt(3), 0.01 + 0.002)
    power = mbpoll(device, 1, "3:float", 0x34)[0]
    near("SDM630 active power, W", power, site.auxiliary() * 15_000, 0.003 + 0.005)
    near("SDM630 frequency", mbpoll(device, 1, "3:float", 0x46)[0], 50, 0, 0.035)
    # A single holds 20,000 kWh to 0.002.
    counted("SDM630 import, kWh", lambda: mbpoll(device, 1, "3:float", 0x48)[0],
            lambda: 20_315.4 + site.own_use() * 15, 0.06)

    # EM24: 32-bit integers, low word first, which is mbpoll's order without -B.
    power = mbpoll(device, 2, "3:int", 0x28, big=False)[0]
    near("EM24 active power, 0.1 W", power, site.auxiliary() * 120_000, 0.003 + 0.005, 1)
    counted("EM24 import, 0.1 kWh", lambda: mbpoll(device, 2, "3:int", 0x42, big=False)[0],
            lambda: (8_801.3 + site.own_use() * 12) * 10, 1.01)

    gas = mbpoll(device, 3, "3:float", 1002, 1, big=False)[0]
    oxygen = mbpoll(device, 3, "3:float", 1020, 1, big=False)[0]
    check("MARSIC300 CO2 in wet gas, %", 2.4 < gas < 3.7, gas)
    check("MARSIC300 O2 in wet gas, %", 12 < oxygen < 15, oxygen)

    stack = mbpoll(device, 4, "4:float", 0, 5)
    celsius, pascals, speed, moisture, stack_oxygen = stack
    near("CEMS block and analyzer agree on O2", stack_oxygen, oxygen, 0.015)
    flow = mbpoll(device, 5, "4:float", 16, 1)[0]
    heat = 78 + 2.2 * site.generator()
    standard = heat * 3600 / 38.931 * 293.15 / 273.15
    near("gas flow at 20 °C, m³/h", flow, standard, 0.002 + 0.005)

    def volume():
        registers = mbpoll(device, 5, "4:hex", 18, 3)
        return int("".join(f"{r:04x}" for r in registers)) / 1e4

    def used():
        return (78 * site.hours() + 2.2 * site.generated()) * 3600 / 38.931 * 293.15 / 273.15
    first = counted("gas volume at 20 °C, m³", volume, lambda: 31_415_926.5358 + used(), 0.001)
    check("the gas counter grows", volume() > first)

    # HJ 212-2017 D.2 with the registers as they are read; the data's air pressure is 1,018 hPa.
    dry = (speed * 28.27 * 3600 * 273 / (273 + celsius) * (101_800 + pascals) / 101_325
           * (1 - moisture / 100))
    tonnes = gas / (1 - moisture / 100) * dry * 1.9643e-5
    near("CO2 of the stack equals gas × 21.6502 t/10⁴m³", tonnes,
         flow * 273.15 / 293.15 * 2.165_02e-3, 0.04)

    missing = mbpoll(device, 9, "3:float", 0)
    check("a unit that does not exist is silent", "timed out" in str(missing), missing)
    refused = mbpoll(device, 1, "3:float", 0x3000)
    check("a register that does not exist is refused", "Illegal data address" in str(refused),
          refused)
    refused = mbpoll(device, 1, "0", 0)
    check("a function that does not exist is refused", "Illegal function" in str(refused), refused)
    refused = mbpoll(device, 4, "4:float", 0, 70)
    check("too many registers are refused", not isinstance(refused, list), refused)


# --- DL/T 645

def frame(address, control, data=b""):
    """A request, built here: 68 address 68 C L DATA+33H CS 16."""
    body = b"\x68" + bytes.fromhex(address)[::-1] + b"\x68" + bytes([control, len(data)])
    body += bytes((b + 0x33) & 0xFF for b in data)
    return body + bytes([sum(body) & 0xFF, 0x16])


def exchange(port, request, wait=1.5):
    """Sends a request; the reply without FE, and the seconds until its end."""
    while port.read(256) or port.in_waiting:
        pass  # what is left of a collision
    begin = time.monotonic()
    port.write(request)
    reply = b""
    while time.monotonic() - begin < wait:
        reply += port.read(256)
        bare = reply.lstrip(b"\xfe")
        if len(bare) >= 12 and len(bare) >= 12 + bare[9]:
            return bare, time.monotonic() - begin
    return reply.lstrip(b"\xfe"), time.monotonic() - begin


def test_dlt645(site, device):
    # A pseudo-terminal carries no parity: asking again for even parity, as dlt645 does with every
    # new timeout, is EINVAL there.
    client = MeterClientService.new_rtu_client(device, 2400, 8, 1, "N", 1.5)
    check("dlt645 opens the line", client.connect())

    def read(address, identifier):
        # dlt645 sends the digits in the order given: the last two come first on the line.
        client.set_address(bytes.fromhex(address)[::-1].hex())
        service = client.read_00 if identifier >> 24 == 0 else client.read_02
        item = service(identifier)
        return None if item is None else float(item.value)

    meters = {"generator": "202611000101", "auxiliary": "202611000102",
              "incoming": "202611000103", "outgoing": "202611000104"}
    ratio = {"generator": 252_000, "auxiliary": 7_560, "incoming": 3_500, "outgoing": 264_000}
    offset = {"generator": 18_245.37, "auxiliary": 9_120.85, "incoming": 2_210.08,
              "outgoing": 999_999.98}

    power = {name: read(address, 0x02030000) for name, address in meters.items()}
    expected = {"generator": site.generator() * 1e3, "auxiliary": site.auxiliary() * 1e3}
    expected["incoming"] = expected["auxiliary"] / 10
    expected["outgoing"] = expected["generator"] - expected["auxiliary"] + expected["incoming"]
    for name in meters:
        near(f"{name}: active power behind the transformers, kW", power[name],
             expected[name] / ratio[name], 0.003 + 0.005, 0.000_1)

    def expected_energy(name):
        made, own = site.generated() * 1e3, site.own_use() * 1e3
        flow = {"generator": made, "auxiliary": own, "incoming": own / 10,
                "outgoing": made - own + own / 10}[name]
        return (offset[name] + flow / ratio[name]) % 1_000_000

    energy = {}
    for name, address in meters.items():
        energy[name] = counted(
            f"{name}: import behind the transformers, kWh", lambda: read(address, 0x00010000),
            lambda: expected_energy(name), 0.010_1)
    check("the outgoing counter has rolled over", (energy["outgoing"] or 1e9) < 1_000)

    volts = read(meters["generator"], 0x02010100)
    near("generator: voltage A", volts, 15_750 / math.sqrt(3) / 157.5, 0.012, 0.1)
    check("an unknown identifier is refused", read(meters["generator"], 0x02800008) is None)
    check("a meter that does not exist is silent", read("202611000199", 0x00010000) is None)
    client.disconnect()

    with serial.Serial(device, 2400, timeout=0.02) as port:
        address = meters["incoming"]
        block = bytes.fromhex("0201FF00")[::-1]
        first, _ = exchange(port, frame(address, 0x11, block))
        second, _ = exchange(port, frame(address, 0x12, block + b"\x01"))
        check("a block that is too long begins with B1", first[8:9] == b"\xb1", first.hex())
        check("its follow-up ends it", second[8:9] == b"\x92", second.hex())
        data = bytes((b - 0x33) & 0xFF for b in first[14:-2] + second[14:-3])
        volts = [int(data[k:k + 2][::-1].hex()) / 10 for k in (0, 2, 4)] if len(data) == 6 else []
        for phase, value in zip("ABC", volts or [None] * 3):
            near(f"incoming: voltage {phase} of the block", value, 35_000 / math.sqrt(3) / 350,
                 0.012, 0.1)

        reply, _ = exchange(port, frame(meters["generator"], 0x11, bytes.fromhex("02800008")[::-1]))
        check("the error byte says no data", reply[8:11] == b"\xd1\x01\x35", reply.hex())
        reply, _ = exchange(port, frame("AAAAAAAAAAAA", 0x13), 1)
        check("four meters that answer the wildcard collide",
              len(reply) < 12 or reply[-2] != sum(reply[:-2]) & 0xFF, reply.hex())
        reply, _ = exchange(port, frame("AAAAAAAA0101", 0x13), 1)
        check("a partial wildcard finds one meter",
              bytes((b - 0x33) & 0xFF for b in reply[10:16])[::-1].hex() == meters["generator"],
              reply.hex())
        request = frame(meters["generator"], 0x11, bytes.fromhex("00010000")[::-1])
        reply, seconds = exchange(port, request)
        least = (len(request) + 4 + len(reply)) * 11 / 2400 + 0.06
        check("an exchange takes its time on the line", least - 0.001 < seconds < least + 0.3,
              f"{seconds:.3f} s, at least {least:.3f}")
        return energy["generator"]


def test_life(site, device, before):
    def import_now():
        with serial.Serial(device, 2400, timeout=0.02) as port:
            reply, _ = exchange(
                port, frame("202611000101", 0x11, bytes.fromhex("00010000")[::-1]))
            return int(bytes((b - 0x33) & 0xFF for b in reply[14:18])[::-1].hex()) / 100
    site.stop(signal.SIGKILL)
    site.start()
    after = import_now()
    check("no counter goes back after kill -9", before <= after < before + 0.1, (before, after))
    check("SIGTERM ends it with 0", site.stop() == 0)
    check("and removes the links", not os.path.lexists(device))

    ports = site.start("--speed", "3600", "--unplug", "line-a@1+2")
    begin = time.monotonic()
    check("each port is announced", len(ports) == 3 and ports[0].startswith("port line-a "), ports)
    with serial.Serial(device, 2400, timeout=0.02) as port:
        lost = None
        while time.monotonic() - begin < 4 and lost is None:
            try:
                port.read(1)
                port.in_waiting
            except (serial.SerialException, OSError):
                lost = time.monotonic() - begin
    check("a pulled line hangs up", lost is not None and 0.8 < lost < 2.6, lost)
    while not os.path.exists(device) and time.monotonic() - begin < 6:
        time.sleep(0.02)
    back = time.monotonic() - begin
    check("and comes back", 2.8 < back < 5, back)
    counted("an hour of plant in a second counts", import_now,
            lambda: 18_245.37 + site.generated() * 1e3 / 252_000, 0.010_1)
    check("SIGTERM ends it with 0 again", site.stop() == 0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tally-sim", default=f"{ROOT}/.build/release/tally-sim")
    parser.add_argument("--share", default=f"{ROOT}/.build/share/tallystick")
    site = Site(parser.parse_args())
    if shutil.which("mbpoll") is None:
        print("emulated_meters: mbpoll is missing (scripts/setup --tests)", file=sys.stderr)
        sys.exit(2)
    try:
        site.start()
        test_modbus(site, f"{site.directory}/line-b")
        before = test_dlt645(site, f"{site.directory}/line-a")
        test_life(site, f"{site.directory}/line-a", before)
    finally:
        if site.process and site.process.poll() is None:
            site.process.kill()
        shutil.rmtree(site.directory, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
