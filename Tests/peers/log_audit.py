"""An independent reading of Tallystick's evidence: RFC 6962 trees, C2SP notes and tiles, entries in CBOR,
the gateway's superblock, the collector's readings. Standard library alone; nothing of the project is used.

Everything that is wrong raises `Wrong`.
"""

import base64
import hashlib
import os
import sqlite3
import struct

from evidence import newest_superblock, superblock


class Wrong(Exception):
    """The evidence contradicts itself, or what was seen of it before."""


def sha256(data):
    return hashlib.sha256(data).digest()


# MARK: CBOR (RFC 8949), as far as entries and the control socket use it


def cbor(data):
    """The one item that fills `data`; byte strings as bytes, text as str."""
    value, end = cbor_item(data, 0)
    if end != len(data):
        raise Wrong(f"{len(data) - end} bytes behind a CBOR item")
    return value


def cbor_item(data, at):
    head = data[at]
    major, short = head >> 5, head & 31
    at += 1
    if short < 24:
        number = short
    elif short < 28:
        size = 1 << (short - 24)
        number = int.from_bytes(data[at:at + size], "big")
        at += size
    else:
        raise Wrong(f"CBOR head {head:#x}")
    if major == 0:
        return number, at
    if major == 1:
        return -1 - number, at
    if major in (2, 3):
        body = data[at:at + number]
        if len(body) != number:
            raise Wrong("a CBOR string is cut")
        return (bytes(body) if major == 2 else body.decode()), at + number
    if major == 4:
        items = []
        for _ in range(number):
            item, at = cbor_item(data, at)
            items.append(item)
        return items, at
    if major == 5:
        pairs = {}
        for _ in range(number):
            key, at = cbor_item(data, at)
            pairs[key], at = cbor_item(data, at)
        return pairs, at
    if head in (0xF4, 0xF5, 0xF6):
        return {0xF4: False, 0xF5: True, 0xF6: None}[head], at
    raise Wrong(f"CBOR head {head:#x}")


# MARK: trees and notes


def leaf_hash(entry):
    return sha256(b"\0" + entry)


def node_hash(left, right):
    return sha256(b"\1" + left + right)


class Tree:
    """The right edge of an RFC 6962 tree."""

    def __init__(self):
        self.size, self.peaks = 0, []

    def append(self, leaf):
        size = self.size
        while size & 1:
            leaf = node_hash(self.peaks.pop(), leaf)
            size >>= 1
        self.peaks.append(leaf)
        self.size += 1

    def root(self):
        if not self.peaks:
            return sha256(b"")
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root


def read_note(note):
    """(origin, size, root) of a checkpoint."""
    text = note.split(b"\n\n")[0].split(b"\n")
    if len(text) < 3:
        raise Wrong(f"no checkpoint: {note[:80]!r}")
    return text[0].decode(), int(text[1]), base64.b64decode(text[2], validate=True)


def promised(directory):
    """What a gateway's log has promised, from the newer of its two superblocks: the notes that it signed
    and that the mirror cosigned, each (size, root) or None. None while there is no superblock."""
    if newest_superblock(directory) is None:
        return None
    return [read_note(note)[1:] if note else None for note in superblock(directory)[2:]]


# MARK: the mirrored log


def tile_path(level, number, width=256):
    """C2SP tlog-tiles: 1234067 is x001/x234/067."""
    name = f"{number % 1000:03d}"
    while number >= 1000:
        number //= 1000
        name = f"x{number % 1000:03d}/{name}"
    return f"tile/{level}/{name}" + ("" if width == 256 else f".p/{width}")


class MirroredLog:
    """The collector's half of a log, read from its files as they are, at each look from the first byte."""

    def __init__(self, directory):
        self.directory = directory
        self.entries = Entries()

    def read(self, path):
        try:
            with open(os.path.join(self.directory, path), "rb") as file:
                return file.read()
        except FileNotFoundError:
            raise Wrong(f"{path} is missing in {self.directory}") from None

    def checkpoint(self):
        """(size, root), or None before the first one."""
        if not os.path.exists(os.path.join(self.directory, "checkpoint")):
            return None
        return read_note(self.read("checkpoint"))[1:]

    def audit(self, roots):
        """Hashes every entry below the checkpoint, compares all tiles, the root, and each of the roots that
        were seen at earlier sizes (`roots`: size → root). Then reads the entries that are new."""
        size, root = self.checkpoint()
        tree, blocks = Tree(), []
        for number in range((size + 255) // 256):
            width = min(256, size - number * 256)
            leaves = []
            for entry in self.bundle(number, width):
                leaves.append(leaf_hash(entry))
                tree.append(leaves[-1])
                if tree.size in roots and tree.root() != roots[tree.size]:
                    raise Wrong(f"another root at size {tree.size} than was seen before: a fork")
                if tree.size > self.entries.count:
                    self.entries.take(entry)
            self.compare(0, number, leaves)
            if width == 256:
                blocks.append(leaves)
        if tree.root() != root:
            raise Wrong(f"the entries do not have the checkpoint's root at size {size}")
        level, hashes = 1, [subtree_root(leaves) for leaves in blocks]
        while hashes:
            for number in range((len(hashes) + 255) // 256):
                self.compare(level, number, hashes[number * 256:(number + 1) * 256])
            full = len(hashes) // 256
            hashes = [subtree_root(hashes[n * 256:(n + 1) * 256]) for n in range(full)]
            level += 1
        return size, root

    def bundle(self, number, width):
        path = tile_path("entries", number)
        if not os.path.exists(os.path.join(self.directory, path)):
            path = tile_path("entries", number, width)
        data, entries, at = self.read(path), [], 0
        while at < len(data):
            length = int.from_bytes(data[at:at + 2], "big")
            entries.append(data[at + 2:at + 2 + length])
            at += 2 + length
        if at != len(data) or len(entries) < width:
            raise Wrong(f"{path} holds {len(entries)} entries, not {width}")
        return entries[:width]

    def compare(self, level, number, hashes):
        path = tile_path(level, number)
        if not os.path.exists(os.path.join(self.directory, path)):
            path = tile_path(level, number, len(hashes))
        if self.read(path)[:32 * len(hashes)] != b"".join(hashes):
            raise Wrong(f"{path} does not hold the hashes of what is below it")


def subtree_root(hashes):
    while len(hashes) > 1:
        hashes = [node_hash(hashes[n], hashes[n + 1]) for n in range(0, len(hashes), 2)]
    return hashes[0]


class Entries:
    """What the entries of a log say, read in order."""

    PART = 4  # the key of a reading's further fields that numbers the frames of one answer

    def __init__(self):
        self.count = 0
        self.boot = 0
        self.channels = {}  # index of the channel's entry → (requests, period, offset)
        self.slots = {}  # (channel, request) → slots with a reading
        self.shed = {}  # channel → slots that are explained
        # Slot numbers come again when the clock is set back; between two setbacks they ascend.
        self.utc = 0
        self.recent = {}  # (channel, request) → slots with a reading since the last setback
        self.span = {}  # channel → [first, last] slot since then
        self.spans = []  # (channel, first, last) of the times before
        self.was_set_back = False
        self.readings = {}  # index → (channel, request, status, raw) of every first frame
        self.last = {}  # (channel, request) → index of its newest first frame
        self.good = 0  # µs of the newest good reading

    def take(self, bytes_):
        entry = cbor(bytes_)
        kind, index, boot, _, utc, _ = entry[:6]
        if index != self.count:
            raise Wrong(f"entry {self.count} says that it is {index}")
        if boot < self.boot or (kind == 0) != (boot > self.boot):
            raise Wrong(f"entry {index} of kind {kind} is of boot {boot}, after one of boot {self.boot}")
        if (kind == 0 and utc < self.utc) or (kind == 5 and entry[6] == 8 and entry[7][1] < entry[7][0]):
            self.spans += [(channel, *span) for channel, span in self.span.items()]
            self.recent, self.span, self.was_set_back = {}, {}, True
        self.boot, self.utc = boot, utc
        self.count += 1
        if kind == 4 and entry[6] == 4:
            channel = cbor(entry[9])
            self.channels[index] = (len(channel[7]), *channel[8:10])
        elif kind == 5 and entry[6] == 7:
            channel, first, last, _ = entry[7]
            if last - first > 10_000_000:
                raise Wrong(f"channel {channel} shed slots {first} to {last}")
            self.shed.setdefault(channel, set()).update(range(first, last + 1))
            if not self.is_from_before(channel, last, utc):
                self.widen(channel, first, last)
        elif kind == 1:
            self.take_reading(index, utc, *entry[6:])

    def take_reading(self, index, utc, channel, request, status, slot, rtt, raw, ext={}):
        if channel not in self.channels or request >= self.channels[channel][0]:
            raise Wrong(f"reading {index} is of request {request} of channel {channel}, which is not known")
        if status == 0:
            self.good = max(self.good, utc)
        if self.PART in ext:
            return
        self.readings[index] = (channel, request, status, raw)
        self.last[channel, request] = index
        slots = self.slots.setdefault((channel, request), set())
        is_from_before = self.is_from_before(channel, slot, utc)
        recent = slots if is_from_before else self.recent.setdefault((channel, request), set())
        if slot in recent:
            raise Wrong(f"slot {slot} of channel {channel}, request {request} stands twice, again at {index}")
        recent.add(slot)
        slots.add(slot)
        if not is_from_before:
            self.widen(channel, slot, slot)

    def is_from_before(self, channel, slot, utc):
        """What was under way when the clock was set back is told after it: a slot that is still to come at
        `utc` belongs to the time before."""
        _, period, offset = self.channels[channel]
        return self.was_set_back and slot > (utc // 1000 - offset) // period

    def widen(self, channel, first, last):
        span = self.span.setdefault(channel, [first, last])
        span[:] = min(span[0], first), max(span[1], last)

    def check_slots(self):
        """Between the first and the last slot of a channel each has a reading of every request, or is shed; so
        for each time between two setbacks of the clock. In the last slot requests may be still to come."""
        for channel, first, last in self.spans + [(channel, *span) for channel, span in self.span.items()]:
            shed = self.shed.get(channel, set())
            for request in range(self.channels[channel][0]):
                there = self.slots.get((channel, request), set())
                missing = [slot for slot in range(first, last) if slot not in there and slot not in shed]
                if missing:
                    raise Wrong(
                        f"{len(missing)} slots of channel {channel}, request {request} are neither there "
                        f"nor explained, the first is {missing[0]}")


# MARK: the readings


class Readings:
    """`readings.sqlite` against the entries: each reading's rows stand there once, under its index."""

    MISSING_FRAMES = 10  # the only problem that a killed gateway may leave: an answer that was not finished

    def __init__(self, path, origin):
        self.path, self.origin = path, origin
        self.quantities = {}  # (channel, request) → quantities of a row each

    def connect(self):
        return sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=20)

    def cursor(self):
        if not os.path.exists(self.path):
            return 0
        connection = self.connect()
        try:
            row = connection.execute("SELECT cursor FROM log WHERE origin = ?", (self.origin,)).fetchone()
        except sqlite3.OperationalError:  # killed before it made its tables
            return 0
        finally:
            connection.close()
        return row[0] if row else 0

    def audit(self, entries):
        """All rows of entries that `entries` has read; gives how many there are."""
        connection = self.connect()
        try:
            connection.execute("BEGIN")
            log, cursor = connection.execute(
                "SELECT id, cursor FROM log WHERE origin = ?", (self.origin,)).fetchone()
            rows = connection.execute(
                "SELECT idx, quantity, mantissa, exponent, no_data, channel FROM reading"
                " WHERE log = ? AND idx < ? ORDER BY idx", (log, entries.count)).fetchall()
            open_ = {row[0] for row in connection.execute(
                "SELECT idx FROM open_frame WHERE log = ?", (log,))}
            problems = connection.execute(
                "SELECT idx, kind, detail FROM problem WHERE log = ? AND kind <> ?",
                (log, self.MISSING_FRAMES)).fetchall()
        finally:
            connection.close()
        if problems:
            raise Wrong(f"the decoder could not use entries: {problems[:3]}")
        by_index = {}
        for row in rows:
            by_index.setdefault(row[0], []).append(row[1:])
        for index in by_index:
            if index not in entries.readings:
                raise Wrong(f"rows stand at index {index}, which is no reading")
        for index, (channel, request, status, raw) in entries.readings.items():
            if index >= cursor:
                continue
            found = by_index.get(index)
            if found is None:
                if index in open_ and entries.last[channel, request] == index:
                    continue
                raise Wrong(f"the reading at {index} has no row, the decoder's cursor is {cursor}")
            quantities = sorted(row[0] for row in found)
            expected = self.quantities.setdefault((channel, request), quantities)
            if quantities != expected:
                raise Wrong(f"the reading at {index} has rows of {quantities}, not of {expected}")
            self.check_value(index, status, raw, channel, found)
        return len(rows)

    @staticmethod
    def check_value(index, status, raw, channel, found):
        for _, mantissa, exponent, no_data, row_channel in found:
            if row_channel != channel:
                raise Wrong(f"the row of {index} is of channel {row_channel}, the entry of {channel}")
            if status != 0:
                if no_data is None:
                    raise Wrong(f"the reading at {index} has status {status} and a value")
            elif raw[1:3] == b"\x03\x04":  # Modbus, two registers: the fast meters send one Float32
                sent = struct.unpack(">f", raw[3:7])[0]
                if mantissa is None or struct.pack(">f", float(f"{mantissa}e{exponent}")) != raw[3:7]:
                    raise Wrong(f"the reading at {index} is {mantissa}e{exponent}, {sent} was sent")
