#!/usr/bin/env python3
"""zcbor validates every entry of a run, and the body of every channel, against entry.cddl.

    cddl_log.py RUN-DIRECTORY

Prints "N passed, N failed"; exits 0 only if nothing failed.
"""
import contextlib
import io
import pathlib
import sys

import cbor2
import zcbor

import bench
import evidence

check = bench.Checks()
HERE = pathlib.Path(__file__).parent


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    log = next((pathlib.Path(sys.argv[1]) / "collector/logs").iterdir())
    # zcbor's own text of RFC 8610 appendix D: null, any, …
    prelude = next(pathlib.Path(zcbor.__file__).parent.rglob("prelude.cddl")).read_text()
    types = zcbor.DataTranslator.from_cddl(prelude + (HERE / "entry.cddl").read_text(), 64).my_types

    def faults(type_name, items):
        found = []
        for index, data in items:
            try:
                with contextlib.redirect_stdout(io.StringIO()):  # it prints what it tried
                    types[type_name].validate_str(data)
            except (zcbor.CddlValidationError, cbor2.CBORDecodeError) as error:
                found.append((index, str(error)[:200]))
        return found
    _, size, _ = evidence.checkpoint(evidence.open_note((log / "checkpoint").read_bytes())[0])
    entries = evidence.entries_of_tiles(log, size)
    wrong = faults("entry", enumerate(entries))
    check(f"{size} entries keep the CDDL", size > 0 and not wrong, wrong[:3])
    channels = [(index, entry[9]) for index, entry in enumerate(map(cbor2.loads, entries))
                if entry[0] == 4 and entry[6] == 4]
    wrong = faults("channel", channels)
    check(f"{len(channels)} channels keep it too", channels and not wrong, wrong[:3])
    reading = next(entry for entry in map(cbor2.loads, entries) if entry[0] == 1)
    for name, place, value in (("an index that is a text", 1, "0"), ("a slot that is a fraction", 9, 1.5),
                               ("a type that does not exist", 0, 9), ("raw bytes as a text", 11, "0103")):
        changed = reading[:place] + [value] + reading[place + 1:]
        check(f"{name} does not", faults("entry", [(0, cbor2.dumps(changed))]))
    check("an entry with a field too few does not", faults("entry", [(0, cbor2.dumps(reading[:11]))]))
    return check.close()


if __name__ == "__main__":
    sys.exit(main())
