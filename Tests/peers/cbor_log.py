#!/usr/bin/env python3
"""python3-cbor2 (Debian) decodes every entry of a run, in the collector's tiles and in the gateway's journal.

    cbor_log.py RUN-DIRECTORY

Checks each entry by hand-written rules, the tree by hashlib, and decodes every answer of every meter a second
time: from the profile and the channel that the log itself carries, to the numbers in the collector's database.
Prints "N passed, N failed"; exits 0 only if nothing failed.
"""
import hashlib
import pathlib
import re
import sqlite3
import struct
import sys
from decimal import Decimal
from fractions import Fraction

import cbor2
import yaml

import bench
import evidence

check = bench.Checks()
UINT, TEXT, BYTES, LIST = "uint", "text", "bytes", "list"
HASH, ID16 = "hash", "id16"

# Fields after the head, by type; a tuple may be null. ext may follow.
SHAPES = {
    0: [ID16, UINT, HASH, UINT, HASH, TEXT],
    1: [UINT, UINT, UINT, (UINT,), (UINT,), (BYTES,)],
    2: [UINT, UINT, BYTES, UINT, UINT, "int", "int", (UINT,)],
    3: [UINT, (UINT,), TEXT, BYTES],
    4: [UINT, TEXT, HASH, (BYTES,)],
    5: [UINT, LIST],
    6: [TEXT, TEXT, UINT],
    7: [UINT, UINT, UINT, LIST, ID16, LIST],
    8: [UINT, "any", "any", (UINT,), "any", UINT, ID16]}


def is_a(kind, value):
    if isinstance(kind, tuple):
        return value is None or is_a(kind[0], value)
    return {
        UINT: lambda: type(value) is int and 0 <= value < 1 << 64, "int": lambda: type(value) is int,
        TEXT: lambda: type(value) is str, BYTES: lambda: type(value) is bytes,
        LIST: lambda: type(value) is list, HASH: lambda: type(value) is bytes and len(value) == 32,
        ID16: lambda: type(value) is bytes and len(value) == 16, "any": lambda: True}[kind]()


class Log:
    """What the entries so far have said."""

    def __init__(self):
        self.faults, self.entries = [], []
        self.boot = self.mono = -1
        self.channels, self.documents, self.parts, self.profiles = {}, {}, {}, {}

    def profile(self, channel):
        """The profile of a channel, as the log carries it."""
        index = self.channels[channel]["profile"]
        if index not in self.profiles:
            self.profiles[index] = yaml.safe_load(self.documents[index])
        return self.profiles[index]

    def fault(self, index, what):
        self.faults.append(f"entry {index}: {what}")

    def take(self, index, data):
        """One entry, after all before it."""
        if len(data) > 4000:
            self.fault(index, f"{len(data)} bytes")
        try:
            entry = cbor2.loads(data)
        except Exception as error:  # pylint: disable=broad-except
            return self.fault(index, f"no CBOR: {error}")
        self.entries.append(entry)
        if cbor2.dumps(entry, canonical=True) != data:
            self.fault(index, "not the deterministic encoding, or bytes behind it")
        if type(entry) is not list or len(entry) < 6 or not all(is_a(UINT, v) for v in entry[:6]):
            return self.fault(index, f"no head: {entry!r:.80}")
        kind, named, boot, mono, _, quality = entry[:6]
        if named != index:
            self.fault(index, f"names itself {named}")
        if quality > 0xFFFF:
            self.fault(index, f"clock quality {quality}")
        if kind not in SHAPES:
            return self.fault(index, f"type {kind}")
        self.take_times(index, kind, boot, mono)
        fields, ext = entry[6:6 + len(SHAPES[kind])], entry[6 + len(SHAPES[kind]):]
        if len(fields) < len(SHAPES[kind]) or not all(map(is_a, SHAPES[kind], fields)):
            return self.fault(index, f"type {kind} with {fields!r:.120}")
        if len(ext) > 1 or not all(type(e) is dict and all(is_a(UINT, k) for k in e) for e in ext):
            return self.fault(index, f"ext {ext!r:.80}")
        {1: self.reading, 4: self.config, 5: self.event}.get(kind, lambda *_: None)(
            index, fields, ext[0] if ext else {})

    def take_times(self, index, kind, boot, mono):
        if boot < self.boot or (boot > self.boot) != (kind == 0):
            self.fault(index, f"boot {boot} of type {kind} after {self.boot}")
        if boot == self.boot and mono < self.mono:
            self.fault(index, f"{self.mono - mono} µs before the entry before it")
        self.boot, self.mono = boot, mono

    def reading(self, index, fields, ext):
        channel, request, status, slot, trip, raw = fields
        known = self.channels.get(channel)
        if known is None:
            return self.fault(index, f"channel {channel} was not logged before")
        if request >= len(known["requests"]):
            self.fault(index, f"request {request} of {len(known['requests'])}")
        if status > 9 or (status == 0) and (raw is None or trip is None) or status == 1 and raw:
            self.fault(index, f"status {status} with {raw!r} after {trip} µs")
        if slot is None:
            self.fault(index, "a polled reading without a slot")

    def config(self, index, fields, ext):
        kind, name, digest, body = fields
        if not 1 <= kind <= 8:
            self.fault(index, f"config of kind {kind}")
        if kind == 8:
            parts = self.parts.setdefault(digest, [])
            if ext.get(4) != len(parts):
                self.fault(index, f"part {ext.get(4)} after {len(parts)}")
            parts.append(body)
            return
        whole = body if body is not None else b"".join(self.parts.get(digest, []))
        if hashlib.sha256(whole).digest() != digest:
            self.fault(index, f"{name}: the hash is not that of the {len(whole)} bytes")
        self.documents[index] = whole
        if kind == 4:
            self.channel(index, whole)

    def channel(self, index, body):
        fields = cbor2.loads(body)
        shape = [UINT, TEXT, (TEXT,), UINT, TEXT, BYTES, UINT, LIST, (UINT,), UINT, LIST]
        if (cbor2.dumps(fields, canonical=True) != body or len(fields) != 12
                or not all(map(is_a, shape, fields)) or type(fields[11]) is not dict
                or not all(is_a(BYTES, r) for r in fields[7]) or fields[6] not in self.documents):
            self.fault(index, f"channel {fields!r:.200}")
        self.channels[index] = dict(zip(
            "device label serial mode port address profile requests period offset ratios".split(), fields))

    def event(self, index, fields, _):
        code, arguments = fields
        if not 1 <= code <= 10:
            self.fault(index, f"event {code}")
        if code == 7:
            good = (len(arguments) == 4 and all(is_a(UINT, a) for a in arguments)
                    and arguments[0] in self.channels and arguments[1] <= arguments[2]
                    and 1 <= arguments[3] <= 7)
            if not good:
                self.fault(index, f"shed {arguments}")


def explained(log):
    """Every slot of every channel from its first to its last: all requests read, or shed."""
    seen, shed = {}, {}
    for entry in log.entries:
        if entry[0] == 1:
            seen.setdefault(entry[6], {}).setdefault(entry[9], set()).add(entry[7])
        elif entry[0] == 5 and entry[6] == 7:
            shed.setdefault(entry[7][0], []).append(entry[7][1:3])
    missing = []
    for channel, slots in seen.items():
        whole = set(range(len(log.channels[channel]["requests"])))
        for slot in range(min(slots), max(slots)):
            if slots.get(slot) != whole and not any(a <= slot <= b for a, b in shed.get(channel, [])):
                missing.append((channel, slot))
    return missing


# --- answers decoded a second time

# UCUM units of profiles and of the database, as factors to the SI unit and its kin.
FACTORS = {"kW": 1000, "W": 1, "kV.A": 1000, "V.A": 1, "kV.A{reactive}": 1000, "V.A{reactive}": 1,
           "kPa": 1000, "Pa": 1, "MPa": 1_000_000}


def quantity_codes():
    """Key → code, from the table that defines both."""
    source = (bench.ROOT / "Sources/Metering/Quantity.swift").read_text()
    codes = {name: int(code) for name, code in re.findall(r"case (\w+) = (\d+)", source)}
    rows = re.findall(r"QuantityRow\(\s*\.(\w+),\s*\"([^\"]+)\"", source)
    return {key: codes[name] for name, key in rows}


def shortest(data):
    """The shortest decimal that is this single."""
    value, = struct.unpack(">f", data)
    for digits in range(1, 10):
        text = f"{value:.{digits}g}"
        if struct.pack(">f", float(text)) == data:
            return Fraction(Decimal(text))
    return None


def registers(point, order, data):
    """A Modbus point from the data bytes of its answer."""
    at = 2 * point["offset"]
    if point["type"] == "bcd":
        return Fraction(int(data[at:at + point["bytes"]].hex()), 10 ** point.get("decimals", 0))
    form = {"u16": "H", "i16": "h", "u32": "I", "i32": "i", "f32": "f"}[point["type"]]
    words = [data[k:k + 2] for k in range(at, at + struct.calcsize(form), 2)]
    if order in ("CDAB", "DCBA"):
        words.reverse()
    if order in ("BADC", "DCBA"):
        words = [word[::-1] for word in words]
    if form == "f":
        return shortest(b"".join(words))
    return Fraction(struct.unpack(">" + form, b"".join(words))[0], 10 ** point.get("decimals", 0))


def digits(point, data):
    """A DL/T 645 point from the data bytes after the identifier."""
    part = data[point["offset"]:point["offset"] + point["bytes"]][::-1]
    negative = bool(point.get("signed") and part[0] & 0x80)
    text = (bytes([part[0] & 0x7F]) + part[1:] if point.get("signed") else part).hex()
    return Fraction(-int(text) if negative else int(text), 10 ** point.get("decimals", 0))


def answer_values(log, channel, number, frames):
    """(quantity key, unit, value) of the points of one answer."""
    known = log.channels[channel]
    profile = log.profile(channel)
    sent = known["requests"][number]
    if profile["protocol"] == "modbus-rtu":
        unit, function, address, count = struct.unpack(">BBHH", sent[:6])
        request = next(r for r in profile["requests"]
                       if (r["function"], r["address"], r["count"]) == (function, address, count))
        raw, = frames
        assert raw[:3] == bytes([unit, function, 2 * count]) and len(raw) == 5 + 2 * count, raw
        for point in request["points"]:
            order = point.get("word_order", profile.get("word_order"))
            yield point, registers(point, order, raw[3:-2])
        return
    bare = sent.lstrip(b"\xfe")
    identifier = bytes((b - 0x33) & 0xFF for b in bare[10:14])[::-1].hex().upper()
    request = next(r for r in profile["requests"] if r["identifier"] == identifier)
    data = b""
    for number, raw in enumerate(frames):
        assert sum(raw[:-2]) & 0xFF == raw[-2], raw
        part = bytes((b - 0x33) & 0xFF for b in raw[10:-2])
        data += part[4:-1] if number else part[4:]
    for point in request["points"]:
        yield point, digits(point, data)


def factor(log, channel, point, unit, code):
    """From the device's unit and behind its transformers to the unit of the database."""
    ratios = {q: Fraction(n, d) for q, n, d in log.channels[channel]["ratios"]}
    return Fraction(FACTORS.get(point["unit"], 1), FACTORS.get(unit, 1)) * ratios.get(code, 1)


def decode_again(log, database):
    """Every reading of the database against the answers in the log; how many, and the faults."""
    codes, faults, compared = quantity_codes(), [], 0
    stored = {}
    for row in database.execute(
            "select idx, quantity, mantissa, exponent, unit, status from reading"):
        stored.setdefault(row[0], {})[row[1]] = row[2:]
    # An answer may come in several frames, each an entry; its values stand at one of them.
    answers = {}
    for entry in log.entries:
        if entry[0] == 1:
            answers.setdefault((entry[6], entry[7], entry[9]), []).append(entry)
    for (channel, request, _), frames in answers.items():
        rows = {}
        for entry in frames:
            rows |= stored.get(entry[1], {})
        index = frames[0][1]
        is_cut = (log.profile(channel)["protocol"] == "dlt645-2007"
                  and (frames[-1][11] or b"")[8:9] in (b"\xb1", b"\xb2"))  # more was due
        if frames[-1][8] != 0 or is_cut:
            if any(mantissa is not None for mantissa, *_ in rows.values()):
                faults.append((index, "a value without a good answer", rows))
            continue
        for point, value in answer_values(log, channel, request, [entry[11] for entry in frames]):
            code = codes[point["quantity"]]
            mantissa, exponent, unit, _ = rows.pop(code, (None, None, None, None))
            expected = None if value is None else value * factor(log, channel, point, unit, code)
            found = None if mantissa is None else mantissa * Fraction(10) ** exponent
            compared += 1
            # What does not end as a decimal is rounded in its last digit.
            if found is None or expected is None or abs(found - expected) > abs(expected) / 10 ** 12:
                faults.append((index, point["quantity"], str(found), str(expected)))
        if rows:
            faults.append((index, "more values than points", rows))
    return compared, faults


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    run = pathlib.Path(sys.argv[1]).resolve()
    directory = next((run / "collector/logs").iterdir())
    origin, size, root = evidence.checkpoint(
        evidence.open_note((directory / "checkpoint").read_bytes())[0])
    entries = evidence.entries_of_tiles(directory, size)
    log = Log()
    for index, data in enumerate(entries):
        log.take(index, data)
    check(f"{size} entries are what they should be", size > 0 and not log.faults, log.faults[:5])
    kinds = {entry[0] for entry in log.entries}
    check("boot, readings, documents and events are among them", {0, 1, 4, 5} <= kinds, kinds)
    check("the first one names the origin", log.entries[0][0] == 0 and log.entries[0][11] == origin)
    check("their tree has the checkpoint's root", evidence.root([evidence.leaf(e) for e in entries]) == root)
    check("no slot is missing and unexplained", not explained(log), explained(log)[:5])

    with sqlite3.connect(f"file:{run}/collector/readings.sqlite?mode=ro", uri=True) as database:
        compared, faults = decode_again(log, database)
    check(f"{compared} values decoded a second time are those of the database", compared and not faults,
          faults[:5])

    journal = evidence.entries_of_journal(run / "gateway/log/1")
    signed, acknowledged, note, _ = evidence.superblock(run / "gateway/log/1")
    _, size_there, root_there = evidence.checkpoint(evidence.open_note(note)[0])
    check(f"the journal's {len(journal)} entries are the same",
          # Who is ended before an answer comes knows of less than the collector.
          len(journal) >= signed == size_there and acknowledged <= size <= signed and journal[:size] == entries,
          (len(journal), signed, size_there, acknowledged, size))
    check("their tree has the superblock's root",
          evidence.root([evidence.leaf(e) for e in journal[:signed]]) == root_there)
    for index in range(size, len(journal)):
        log.take(index, journal[index])
    check("and what was not acknowledged yet is no worse", not log.faults, log.faults[:5])
    return check.close()


if __name__ == "__main__":
    sys.exit(main())
