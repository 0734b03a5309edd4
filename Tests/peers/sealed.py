"""A second reader of sealed segments, written from *Data on disk*, with Debian's python3-zstandard.

    sealed.py FILE…            says of each how much shorter it is, and what zstd -3 makes of the plain bytes by itself
    sealed.py --plain FILE     writes the plain segment to the standard output

What is not valid ends in an error: this reader repairs nothing.
"""

import os
import pathlib
import struct
import sys

CELL, BLOCK = 65536, 4096
TABLE = ((64, 167), (0, 170))  # of the first block and of the others: where the chunks begin, and how many there are


def crc32c(data, table=[]):
    if not table:
        for byte in range(256):
            for _ in range(8):
                byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
            table.append(byte)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def blocks(data, count):
    """The blocks of the table, the same in both places."""
    for number in range(count):
        block = data[number * BLOCK:(number + 1) * BLOCK]
        end = len(data) - number * BLOCK
        assert block == data[end - BLOCK:end], f"block {number} of the table stands twice"
        assert struct.unpack("<II", block[4088:]) == (number, crc32c(block[:4092])), f"block {number} is whole"
        yield block


def chunk_places(table, count):
    for number, block in enumerate(table):
        start, most = TABLE[min(number, 1)]
        for at in range(start, start + 24 * min(most, count), 24):
            yield struct.unpack("<6I", block[at:at + 24])
        count -= min(most, count)


def planes(data, at, length, count):
    """The members whose bytes stand in planes from `at` on."""
    return [data[at + member:at + length * count:count] if length else b"" for member in range(count)]


def frames(data, head, entries):
    """The frames made anew of their heads and entries."""
    epoch = sequence = index = number = crc = 0
    for fields in head:
        values = struct.unpack("<IIQII", fields)
        epoch, sequence = (epoch + values[0]) % 2**32, (sequence + values[1]) % 2**32
        first, number = (index + values[2]) % 2**64, (number + values[3]) % 2**32
        before = (crc + values[4]) % 2**32
        taken, entries = entries[:number], entries[number:]
        payload = b"".join(struct.pack(">H", len(entry)) + entry for entry in taken)
        assert len(taken) == number, "every entry is there"
        frame = struct.pack("<4sIIIQIIII", b"TSJF", 1, epoch, sequence, first, number, len(payload), before,
                            crc32c(payload))
        crc, index = crc32c(frame), (first + number) % 2**64
        frame += struct.pack("<I", crc) + payload
        yield frame + bytes(-len(frame) % BLOCK)
    assert not entries, "every entry is in a frame"


def columns(data):
    """The bytes of a chunk of its columns."""
    frame_count, entry_count, shape_count, _, rest = struct.unpack("<HHB3sI", data[:12])
    at = 12 + 24 * frame_count
    order, at = data[at:at + entry_count], at + entry_count
    lengths, at = struct.unpack(f"<{shape_count}H", data[at:at + 2 * shape_count]), at + 2 * shape_count
    single_count = order.count(255)
    singles, at = struct.unpack(f"<{single_count}H", data[at:at + 2 * single_count]), at + 2 * single_count
    waiting = {}
    for shape, length in enumerate(lengths):
        count = order.count(shape)
        waiting[shape] = iter(planes(data, at, length, count))
        at += length * count
    by_themselves = []
    for length in singles:
        by_themselves.append(data[at:at + length])
        at += length
    waiting[255] = iter(by_themselves)
    assert len(data) - at == rest, "the rest ends the columns"
    entries = [next(waiting[shape]) for shape in order]
    return b"".join(frames(data, planes(data, 12, 24, frame_count), entries)) + data[at:]


def unseal(data):
    """The plain segment of a sealed one."""
    import zstandard
    magic, version, byte_count, own_count = struct.unpack("<4sIII", data[:16])
    assert (magic, version, own_count) == (b"TSJZ", 1, len(data)) and byte_count % BLOCK == 0, "a sealed segment"
    chunk_count = -(-byte_count // CELL)
    block_count = 1 + max(0, -(-(chunk_count - TABLE[0][1]) // TABLE[1][1]))
    plain = data[24:56] + bytes(BLOCK - 32)
    end = block_count * BLOCK
    for start, length, offset, stored, column_count, crc in chunk_places(blocks(data, block_count), chunk_count):
        assert start == len(plain) and (not stored or offset == end), "chunks follow each other"
        if not length:
            continue
        bytes_ = data[offset:offset + stored]
        assert crc32c(bytes_) == crc, f"the chunk at {start} is whole"
        chunk = columns(zstandard.ZstdDecompressor().decompress(bytes_, max_output_size=column_count))
        assert len(chunk) == length, f"the chunk at {start} has its bytes"
        plain += chunk
        end = offset + stored
    assert len(plain) == byte_count and not any(data[end:len(data) - block_count * BLOCK]), "nothing else is there"
    return plain


def segments(directory):
    """(number, plain bytes) of the segments of `log/<epoch>`, in their order; a plain form counts as long as it stands."""
    folder = pathlib.Path(directory) / "seg"
    found = {}
    for path in sorted(folder.iterdir()):
        if path.suffix == ".seg" or (path.suffix == ".sealed" and not path.with_suffix(".seg").exists()):
            found[int(path.stem, 16)] = path
    for number in sorted(found):
        data = found[number].read_bytes()
        yield number, unseal(data) if found[number].suffix == ".sealed" else data


def main():
    if sys.argv[1:2] == ["--plain"] and len(sys.argv) == 3:
        sys.stdout.buffer.write(unseal(pathlib.Path(sys.argv[2]).read_bytes()))
        return 0
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    import zstandard
    plain_total = sealed_total = zstd_total = 0
    for name in sys.argv[1:]:
        data = pathlib.Path(name).read_bytes()
        plain = unseal(data)
        by_itself = len(zstandard.ZstdCompressor(level=3).compress(plain))
        plain_total, sealed_total, zstd_total = plain_total + len(plain), sealed_total + len(data), zstd_total + by_itself
        print(f"{os.path.basename(name)}: {len(plain):,} bytes in {len(data):,}, 1:{len(plain) / len(data):.1f}; "
              f"zstd -3 by itself {by_itself:,}, 1:{len(plain) / by_itself:.1f}")
    print(f"all: 1:{plain_total / sealed_total:.1f}; zstd -3 by itself 1:{plain_total / zstd_total:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
