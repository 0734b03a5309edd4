"""What a disk was told to write, in its order, and every state in which a power cut may leave that disk.

The log is the one of QEMU's block driver `blklogwrites`, whose format is that of Linux' `dm-log-writes`
(drivers/md/dm-log-writes.c): a sector with the magic "rhswfsj", then for each operation a sector with sector
number, count, flags and a length, all 64 bits little-endian, and behind it the sectors that were written. QEMU adds
an operation when the disk has done it, and counts them in the first sector only when it flushes, so the file is
read to its end.

A disk that keeps what was flushed and nothing else may lose any of the writes since its last flush, and of a write
any of its sectors.
"""

import os
import struct
import subprocess

SECTOR = 512
MAGIC = b"rhswfsj\0"
FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8


class Operation:
    """A write of `data` bytes at `offset` of the disk, or a flush; `end` is where the log ends behind it."""

    def __init__(self, flags, offset, length, at, end):
        self.flags, self.offset, self.length, self.at, self.end = flags, offset, length, at, end

    @property
    def is_flush(self):
        return bool(self.flags & FLUSH)

    @property
    def is_durable(self):
        """It is not lost once it is done, whatever follows."""
        return bool(self.flags & (FLUSH | FUA))


class WriteLog:
    """The operations that stand whole in a log. What was being added when the power went is none."""

    def __init__(self, path):
        self.path = path
        self.operations = []
        size = os.path.getsize(path)
        with open(path, "rb") as file:
            head = file.read(SECTOR)
            # The first sector is written by the first flush.
            if head[:8] not in (MAGIC, bytes(8)) and head:
                raise ValueError(f"{path} is no log of writes: it begins with {head[:8]!r}")
            if head[:8] == MAGIC and struct.unpack("<I", head[24:28])[0] != SECTOR:
                raise ValueError(f"{path} does not count in sectors of {SECTOR} bytes")
            at = SECTOR
            while at + SECTOR <= size:
                file.seek(at)
                sector, count, flags, _ = struct.unpack("<QQQQ", file.read(32))
                if not count and not flags:
                    break  # its place is kept, and it is not there yet
                if flags & ~(FLUSH | FUA | DISCARD | MARK):
                    raise ValueError(f"{path} has flags {flags:#x} at {at}")
                data = at + SECTOR
                end = data + (0 if flags & DISCARD else count * SECTOR)
                if end > size:
                    break
                self.operations.append(Operation(flags, sector * SECTOR, count * SECTOR, data, end))
                at = end

    @property
    def flushes(self):
        return [number for number, operation in enumerate(self.operations) if operation.is_flush]

    def volatile(self, count):
        """Numbers of the writes among the first `count` operations that a power cut then may lose."""
        found = []
        for number in range(count - 1, -1, -1):
            operation = self.operations[number]
            if operation.is_flush:
                break
            if not operation.is_durable:
                found.append(number)
        return found[::-1]

    def end(self, count):
        """Where the log ended when so many operations were done."""
        return self.operations[count - 1].end if count else SECTOR

    def replay(self, base, image, count, fates=None):
        """Makes `image`: the disk as it was in `base` with the first `count` operations. `fates` says of some of
        them which sectors are lost: number → function from a sector's place in the write to whether it is."""
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", base, image], check=True)
        with open(self.path, "rb") as log, open(image, "r+b") as disk:
            for number, operation in enumerate(self.operations[:count]):
                if operation.flags & (DISCARD | MARK) or not operation.length:
                    continue
                log.seek(operation.at)
                data = log.read(operation.length)
                is_lost = (fates or {}).get(number)
                if is_lost is None:
                    disk.seek(operation.offset)
                    disk.write(data)
                    continue
                for place in range(operation.length // SECTOR):
                    if not is_lost(place):
                        disk.seek(operation.offset + place * SECTOR)
                        disk.write(data[place * SECTOR:(place + 1) * SECTOR])


def draw_fates(random_, volatile):
    """Of each volatile write: all of it kept, all of it lost, or its sectors from some place on."""
    fates = {}
    for number in volatile:
        kind = random_.random()
        if kind < 0.35:
            fates[number] = lambda place: True
        elif kind < 0.5:
            fates[number] = lambda place, first=random_.randrange(0, 9): place >= first
    return fates
