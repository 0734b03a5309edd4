#!/usr/bin/env python3
"""Borrows lines of a running gateway through its control socket, and throws at the socket what it must not
mind: live readings while it polls, requests that would write, tools that die, garbage, a line that goes.

    control.py BIN_DIRECTORY WORK_DIRECTORY

Requests are made and answers read by cbor2 and by struct, which share no code with Tallystick. Prints
"N passed, N failed"; the exit code is 1 when any failed.
"""
import glob
import json
import os
import random
import re
import shutil
import socket
import struct
import subprocess
import sys
import time
from decimal import Decimal

import cbor2

binaries, work = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
repository = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
board = os.path.join(repository, "boards/native/sim")
random.seed(3)
passed = failed = 0

# Numbers of ControlRefusal and ReadingStatus.
MALFORMED, UNKNOWN, NO_LINE, NO_PROTOCOL, BAD_TIMEOUT, NO_READ, CLOSED, LEASED = 1, 2, 4, 5, 6, 7, 8, 9
GOOD, TIMEOUT, EXCEPTION, NO_DEVICE = 0, 1, 3, 4
MODBUS, DLT645 = 1, 2


def check(what, good):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(("passed  " if good else "FAILED  ") + what, flush=True)


def crc(body):
    value = 0xFFFF
    for byte in body:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return body + struct.pack("<H", value)


def dlt645(address, control, data=b""):
    frame = b"\x68" + bytes.fromhex(address)[::-1] + b"\x68" + bytes([control, len(data)])
    frame += bytes((byte + 0x33) & 0xFF for byte in data)
    return frame + bytes([sum(frame) & 0xFF, 0x16])


# Eastron SDM630, input registers 0 and 1: the voltage of L1 as a float.
VOLTAGE = crc(bytes([1, 4, 0, 0, 0, 2]))
# Nobody has the address 99.
NOBODY = crc(bytes([99, 4, 0, 0, 0, 2]))


class Socket:
    """One connection to the control socket."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        # Without a timeout yet: the backlog may be full for a moment.
        self.socket.connect(os.path.join(data, "control"))
        self.socket.settimeout(30)

    def send(self, *request):
        body = cbor2.dumps(list(request), canonical=True)
        self.socket.sendall(struct.pack(">I", len(body)) + body)

    def receive(self):
        header = self.read(4)
        return cbor2.loads(self.read(struct.unpack(">I", header)[0])) if header else None

    def read(self, count):
        got = b""
        while len(got) < count:
            piece = self.socket.recv(count - len(got))
            if not piece:
                return None
            got += piece
        return got

    def ask(self, *request):
        self.send(*request)
        return self.receive()

    def close(self):
        self.socket.close()


def ask(*request):
    connection = Socket()
    answer = connection.ask(*request)
    connection.close()
    return answer


def lease(line, protocol, request, timeout=1000):
    return ask("lease", line, protocol, request, timeout)


def tally(*arguments):
    return subprocess.run(
        [os.path.join(binaries, "tally"), *arguments], capture_output=True, text=True, timeout=120)


def read(*arguments):
    return tally("read", *arguments, "--data", data)


def live(device):
    """The live reading of a device: exit code, values by quantity, first frame of each request."""
    answer = read(device, "--live", "--json")
    if not answer.stdout:
        return answer.returncode, {}, {}
    reading = json.loads(answer.stdout)
    values = {}
    for request in reading["requests"]:
        for value in request["values"]:
            values.setdefault(value["quantity"], value["value"])
    frames = {r["name"]: bytes.fromhex(r["frames"][0]["answer"]) for r in reading["requests"]}
    return answer.returncode, values, frames


def device(number):
    status = tally("status", "--data", data, "--json")
    if status.returncode == 2:
        return None
    return next(d for d in json.loads(status.stdout)["devices"] if d["number"] == number)


def held(number):
    """The newest good values of a device that the gateway holds, by quantity."""
    found = device(number)
    return {v["quantity"]: v["value"] for v in found["values"] if v["status"] == 0} if found else {}


def wait(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def near(one, other, part=0.05):
    return None not in (one, other) and abs(Decimal(one) - Decimal(other)) <= (
        abs(Decimal(other)) * Decimal(part) + Decimal("0.01"))


def start(program, *arguments, **environment):
    log = open(os.path.join(work, program + ".log"), "a")
    return subprocess.Popen(
        [os.path.join(binaries, program), *arguments], stdout=log, stderr=subprocess.STDOUT,
        env=dict(os.environ, LANG="C", **environment))


def start_simulator():
    return start("tally-sim", "site", "--board", board, "--site", os.path.join(board, "site.yaml"), "--dev", dev)


def live_readings():
    good = wait(lambda: read("201").returncode == 0)
    check("tally read gives the values that the gateway holds", good)
    code, values, frames = live("给水泵")
    check("tally read --live by the Chinese label ends well", code == 0)
    first = next(iter(frames.values()))
    served = struct.unpack(">f", first[3:7])[0]
    check("its first value is the float in the frame", near(values["voltage-l1"], repr(served), 0.0001))
    known = held(201)
    check(
        "each value that the gateway holds is the live one, within noise",
        len(known) > 5 and all(near(values.get(q), v) for q, v in known.items()))
    code, values, frames = live("202611000102")
    # Identifier 0201FF00, the voltages of all phases.
    voltage = next(f for f in frames.values() if f[10:14] == b"\x33\x32\x34\x35")
    digits = bytes((b - 0x33) & 0xFF for b in voltage[14:16])[::-1].hex()
    check(
        "a DL/T 645 meter by its address: the voltage is the BCD in the frame, times 6300/100",
        code == 0 and near(values["voltage-l1"], Decimal(digits) / 10 * 63, 0.0001))
    known = held(102)
    check("and near what the gateway holds", known and all(near(values.get(q), v) for q, v in known.items()))
    text = read("201", "--live", "--raw").stdout
    check("--raw shows request and answer", "    > 01 04 00 00" in text and "    < 01 04" in text)
    text = read("201", "--live", "--lang", "zh").stdout
    check("--lang zh speaks Chinese", "电压" in text)


def usage():
    answer = read("no such meter", "--live")
    check("an unknown device: exit 2 and the list of devices",
          answer.returncode == 2 and "Feed water pump" in answer.stderr and "202611000104" in answer.stderr)
    answer = read("feeder")
    check("an ambiguous name: exit 2 and those it may mean",
          answer.returncode == 2 and "Incoming" in answer.stderr and "Generator" not in answer.stderr)
    answer = read("absent", "--live")
    check("a meter that does not answer: exit 1 and what to look at",
          answer.returncode == 1 and "wiring" in answer.stdout and "address" in answer.stdout)
    answer = tally("read", "201", "--live", "--data", os.path.join(work, "nothing"))
    check("no agent: exit 2", answer.returncode == 2 and "tallyd" in answer.stderr)


def refusals():
    connection = Socket()
    for what, request, refusal in [
        ("an unknown line", ["lease", "line-c", MODBUS, VOLTAGE, 500], NO_LINE),
        ("an unknown protocol", ["lease", "line-b", 9, VOLTAGE, 500], NO_PROTOCOL),
        ("a timeout of an hour", ["lease", "line-b", MODBUS, VOLTAGE, 3_600_000], BAD_TIMEOUT),
        ("Modbus function 6", ["lease", "line-b", MODBUS, crc(bytes([1, 6, 0, 0, 0, 2])), 500], NO_READ),
        ("Modbus function 16",
         ["lease", "line-b", MODBUS, crc(bytes([1, 16, 0, 0, 0, 1, 2, 0, 5])), 500], NO_READ),
        ("a read with a write behind it",
         ["lease", "line-b", MODBUS, VOLTAGE + crc(bytes([1, 6, 0, 0, 0, 2])), 500], NO_READ),
        ("DL/T 645 control code 14",
         ["lease", "line-a", DLT645, dlt645("202611000101", 0x14, bytes(12)), 500], NO_READ),
        ("a bad checksum", ["lease", "line-b", MODBUS, VOLTAGE[:-1] + b"\0", 500], NO_READ),
        ("a text for the request", ["lease", "line-b", MODBUS, "read", 500], MALFORMED),
        ("an unknown name", ["write", "line-b"], UNKNOWN),
    ]:
        check(what + " is refused for that reason", connection.ask(*request) == {"refused": refusal})
    check("after all that the connection still serves", "devices" in connection.ask("status"))
    connection.close()


def leases():
    answer = lease("line-b", MODBUS, VOLTAGE)
    frame = answer["raw"]
    check("a lease brings the frame, checksum included",
          answer["status"] == GOOD and frame == crc(frame[:-2]) and frame[:3] == b"\x01\x04\x04")
    check("and the time it took", 1_000 < answer["rtt_us"] < 1_000_000)
    answer = lease("line-b", MODBUS, crc(bytes([1, 4, 0xF0, 0, 0, 2])))
    check("an exception comes as one", answer["status"] == EXCEPTION and answer["raw"][1] == 0x84)
    first = Socket()
    first.send("lease", "line-b", MODBUS, NOBODY, 3000)
    time.sleep(0.2)
    check("a second lease of the line is refused", lease("line-b", MODBUS, VOLTAGE) == {"refused": LEASED})
    check("another line is free", lease("line-a", DLT645, dlt645("202611000103", 0x13))["status"] in (GOOD, TIMEOUT))
    begun = time.monotonic()
    check("the loop does not wait for it", "devices" in ask("status") and time.monotonic() - begun < 1)
    answer = first.receive()
    check("silence is a timeout without bytes", answer == {"status": TIMEOUT, "raw": b"", "rtt_us": None})
    first.close()


def dying_tools():
    for pause in (0.0, 0.05, 0.4):
        dying = Socket()
        dying.send("lease", "line-b", MODBUS, NOBODY, 1500)
        time.sleep(pause)
        dying.close()
    check("after tools that died the line is lent again",
          wait(lambda: lease("line-b", MODBUS, VOLTAGE).get("status") == GOOD))
    tool = subprocess.Popen(
        [os.path.join(binaries, "tally"), "read", "absent", "--live", "--data", data],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.3)
    tool.kill()
    tool.wait()
    check("also after a tally that was killed",
          wait(lambda: lease("line-b", MODBUS, VOLTAGE).get("status") == GOOD))


def garbage():
    for _ in range(50):
        connection = Socket()
        try:
            connection.socket.sendall(random.randbytes(random.randrange(1, 300)))
        except OSError:
            pass
        connection.close()
    for _ in range(50):
        body = random.randbytes(random.randrange(1, 300))
        connection = Socket()
        connection.socket.sendall(struct.pack(">I", len(body)) + body)
        answer = connection.receive()
        if set(answer) != {"refused"}:
            check(f"{body.hex()} is refused", False)
        connection.close()
    connection = Socket()
    connection.socket.sendall(b"\xff\xff\xff\xff")
    check("a huge length ends its connection", connection.read(1) is None)
    half = Socket()
    half.socket.sendall(struct.pack(">I", 100) + b"half")
    many = []
    for _ in range(100):
        try:
            many.append(Socket())
        except OSError:
            break
    check("with half a message and 100 connections open the gateway still answers",
          wait(lambda: tally("status", "--data", data).returncode != 2, 10))
    for connection in many + [half]:
        connection.close()
    check("after the garbage it is as before", wait(lambda: lease("line-b", MODBUS, VOLTAGE).get("status") == GOOD))


def unplugged(simulator):
    """Ends the simulator, and with it both lines, while a lease is out."""
    tool = Socket()
    tool.send("lease", "line-b", MODBUS, NOBODY, 10_000)
    time.sleep(0.5)
    simulator.terminate()
    simulator.wait(20)
    answer = tool.receive()
    check("a line that goes ends the lease as no device", answer["status"] == NO_DEVICE)
    tool.close()
    check("a closed port is refused", lease("line-b", MODBUS, VOLTAGE) == {"refused": CLOSED})
    answer = read("201", "--live")
    check("tally read --live says so and ends with 1", answer.returncode == 1 and "port" in answer.stderr)
    back = start_simulator()
    check("a line that came back is lent again",
          wait(lambda: lease("line-b", MODBUS, VOLTAGE).get("status") == GOOD))
    return back


def evidence():
    key = tally("keys", "show", "--data", data).stdout.strip()
    report = tally("verify", data, "--vkey", key).stdout
    print(report)
    check("tally verify: signature good", "signature     good" in report)
    found = re.search(r"expected (\d+), present (\d+), explained (\d+), missing (\d+)", report)
    check("completeness: no slot is missing", found and found[4] == "0" and int(found[2]) > 50)
    log = b"".join(open(path, "rb").read() for path in glob.glob(os.path.join(data, "log/1/seg/*.seg")))
    # [code 11, [line 1, protocol 1, request, status, …]] (EventEntry.swift).
    event = re.escape(b"\x0b\x86\x01\x01\x48")
    voltages = len(re.findall(event + re.escape(VOLTAGE) + b"\x00", log, re.S))
    silences = len(re.findall(event + re.escape(NOBODY) + b"\x01\xf6\xf6", log, re.S))
    check(f"each use stands in the log: {voltages} readings, {silences} silences", voltages >= 5 and silences >= 1)
    check("the one whose line went, too", re.search(event + re.escape(NOBODY) + b"\x04\xf6", log, re.S))
    number = b"(?:[\x00-\x17]|\x18.|\x19..|\x1a....|\x1b........)"
    shed = re.findall(b"\x07\x84" + number * 3 + b"\x08", log, re.S)
    check(f"{len(shed)} runs of slots were shed as manual access", shed)
    return key


shutil.rmtree(work, ignore_errors=True)
dev, data = os.path.join(work, "dev"), os.path.join(work, "data")
os.makedirs(dev)
os.makedirs(os.path.join(data, "keys"))
with open(os.path.join(data, "keys", "mirror.vkey"), "w") as file:
    # The vector key of the mirror's tests; no collector runs here.
    file.write("collector.example/m1+6e25293f+BPvZ8d3n5Z98qP5pHEb21pnO6SwdwjNBRvT+pDpeTFQZ\n")
site = os.path.join(work, "site.yaml")
with open(os.path.join(board, "site.yaml")) as file:
    text = file.read().rstrip("\n")
with open(site, "w") as file:
    # One more meter, which nobody emulates.
    file.write(text + "\n      - number: 209\n        label: {en: Absent meter, zh: 缺席电表}\n"
               "        address: 9\n        profile: eastron-sdm630\n        period_ms: 60000\n")

simulator = start_simulator()
check("the simulated substation is ready",
      wait(lambda: all(os.path.exists(os.path.join(dev, line)) for line in ("line-a", "line-b"))))
gateway = start("tallyd", "--site", site, "--data", data, TALLYSTICK_DEV=dev)
try:
    check("both lines are polled", wait(lambda: held(201) and held(102)))
    live_readings()
    usage()
    refusals()
    leases()
    dying_tools()
    garbage()
    simulator = unplugged(simulator)
    check("the gateway runs on", gateway.poll() is None)
finally:
    gateway.terminate()
    code = gateway.wait(30)
    simulator.terminate()
    simulator.wait(20)
check("it ends in good order", code == 0)
evidence()
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
