"""A stored log as other people's software reads it: entry bundles, journal segments, notes, keys.

Formats: C2SP tlog-tiles, signed-note, tlog-checkpoint, tlog-cosignature; RFC 6962 §2.1 for the tree; the
journal's in Sources/Journal/FrameHeader.swift, SegmentHeader.swift, Superblock.swift and SealedHeader.swift. Only
Python's own library is used, and python3-zstandard where segments are sealed.
"""
import base64
import hashlib
import pathlib
import struct

import sealed
from sealed import crc32c

# --- C2SP tlog-tiles

def group(number):
    """1234067 as x001/x234/067."""
    text = f"{number % 1000:03}"
    while number >= 1000:
        number //= 1000
        text = f"x{number % 1000:03}/{text}"
    return text


def entries_of_tiles(directory, size):
    """The entries below `size` from tile/entries."""
    found = []
    while len(found) < size:
        number, width = len(found) // 256, min(256, size - len(found) // 256 * 256)
        path = pathlib.Path(directory) / "tile/entries" / group(number)
        if width < 256 and not path.exists():
            path = path.parent / f"{path.name}.p" / str(width)
        found += bundle(path.read_bytes())[:width]
    return found


def bundle(data):
    """u16be length ‖ entry, again and again, to the last byte."""
    found, at = [], 0
    while at < len(data):
        length = int.from_bytes(data[at:at + 2], "big")
        entry = data[at + 2:at + 2 + length]
        if at + 2 > len(data) or len(entry) != length:
            raise ValueError(f"a bundle is cut at byte {at}")
        found.append(entry)
        at += 2 + length
    return found


# --- RFC 6962

def leaf(entry):
    return hashlib.sha256(b"\x00" + entry).digest()


def root(leaves):
    """The root over leaf hashes, as the recursion of RFC 6962 §2.1 says it."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + root(leaves[:split]) + root(leaves[split:])).digest()


# --- C2SP signed-note

def open_note(note):
    """The signed text, and (name, key id, signature) of each line."""
    text, _, signatures = note.partition(b"\n\n")
    lines = []
    for line in signatures.decode().splitlines():
        dash, name, blob = line.split(" ")
        data = base64.b64decode(blob, validate=True)
        assert dash == "—" and len(data) > 4, line
        lines.append((name, data[:4], data[4:]))
    return text + b"\n", lines


def checkpoint(text):
    """Origin, size and root hash of a checkpoint's text."""
    origin, size, hash_ = text.decode().splitlines()[:3]
    return origin, int(size), base64.b64decode(hash_, validate=True)


def open_key(vkey):
    """Name, key id, type and the 32 bytes of a verifier key, whose id is computed again."""
    name, identifier, blob = vkey.strip().split("+", 2)
    data = base64.b64decode(blob, validate=True)
    computed = hashlib.sha256(name.encode() + b"\n" + data).digest()[:4]
    assert computed.hex() == identifier, f"the key id of {vkey} does not follow from its key"
    return name, computed, data[0], data[1:]


# --- the gateway's journal

def superblocks(directory):
    """Generation and the 4,096 bytes of each valid superblock."""
    found = []
    for name in ("super.a", "super.b"):
        path = pathlib.Path(directory) / name
        page = path.read_bytes() if path.exists() else b""
        if len(page) == 4096 and page[:8] == b"TSSB\x01\x00\x00\x00" and \
                struct.unpack("<I", page[4092:])[0] == crc32c(page[:4092]):
            found.append((struct.unpack("<Q", page[8:16])[0], page))
    return found


def newest_superblock(directory):
    """The 4,096 bytes of the newer valid superblock; None while there is none."""
    newest = None
    for generation, page in superblocks(directory):
        if newest is None or 0 < (generation - newest[0]) % 2**64 < 2**63:
            newest = generation, page
    return newest and newest[1]


def superblock(directory):
    """What the newest superblock says: signed size, acknowledged size, signed note, cosigned note."""
    page = newest_superblock(directory)
    assert page, "no superblock is valid"
    signed, = struct.unpack("<Q", page[56:64])
    acknowledged, = struct.unpack("<Q", page[96:104])
    one, two = struct.unpack("<HH", page[112:116])
    return signed, acknowledged, page[128:128 + one], page[2108:2108 + two]


def entries_of_journal(directory):
    """All committed entries of `log/<epoch>`, each frame checked as its format demands."""
    found, previous = [], 0
    for sequence, data in sealed.segments(directory):
        path = f"segment {sequence} of {directory}"
        magic, version, _, number, first, before, crc = struct.unpack("<4sIIIQII", data[:32])
        if magic != b"TSJS" or crc != crc32c(data[:28]):
            continue  # made ready and not begun; a number that could not be made is left out
        assert (version, number, first, before) == (1, sequence, len(found), previous), path
        at = 4096
        while at + 44 <= len(data):
            head = data[at:at + 44]
            (magic, version, _, number, first, count, length, before, payload_crc,
             crc) = struct.unpack("<4sIIIQIIIII", head)
            checksum, blocks = crc, None
            if version & 0xFFFF == 2:
                # A mended frame: shorter counts, its blocks, and the checksum of the frame that it stands for.
                version, blocks = struct.unpack("<HH", head[4:8])
                count, length, checksum = struct.unpack("<HHI", head[24:32])
            payload = data[at + 44:at + 44 + length]
            if (magic, number, first, before) != (b"TSJF", sequence, len(found), previous) or \
                    crc != crc32c(head[:40]) or len(payload) != length or payload_crc != crc32c(payload):
                break
            entries = bundle(payload)
            assert version in (1, 2) and len(entries) == count, f"{path} at {at}"
            assert blocks is None or blocks * 4096 >= 44 + length, f"{path} at {at}"
            found += entries
            previous = checksum
            at += (blocks or -(-(44 + length) // 4096)) * 4096
    return found
