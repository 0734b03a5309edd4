#!/usr/bin/env python3
"""OpenSSL verifies the bare Ed25519 signatures of a run: the gateway's under its checkpoints, the mirror's.

    openssl_signatures.py RUN-DIRECTORY WORK-DIRECTORY

RUN-DIRECTORY is that of scripts/run. Key and signature are taken from vkey and note with base64 alone, and
`openssl pkeyutl -verify -rawin` decides, on the text and on copies of it with one bit changed.
Prints "N passed, N failed"; exits 0 only if nothing failed.
"""
import pathlib
import shutil
import subprocess
import sys

import bench
import evidence

check = bench.Checks()
# An Ed25519 public key as DER (RFC 8410 §4): this, then the 32 bytes.
DER_PREFIX = bytes.fromhex("302a300506032b6570032100")


def verifies(work, key, message, signature):
    """What OpenSSL says."""
    for name, data in (("key.der", DER_PREFIX + key), ("message", message), ("signature", signature)):
        (work / name).write_bytes(data)
    result = subprocess.run(
        ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", work / "key.der", "-keyform", "DER", "-rawin",
         "-in", work / "message", "-sigfile", work / "signature"], capture_output=True, text=True, timeout=20)
    return result.returncode == 0 and "Verified Successfully" in result.stdout


def signed_message(text, kind, signature):
    """The bytes under an Ed25519 line of a note, and its 64 bytes of signature."""
    if kind == 1:
        return text, signature
    time = int.from_bytes(signature[:8], "big")
    return b"cosignature/v1\ntime %d\n" % time + text, signature[8:]


def with_bit(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


def verify(work, what, note, vkey, other):
    """Both ways: the line of `vkey` under the note, whole and damaged, and under another key."""
    name, identifier, kind, key = evidence.open_key(vkey)
    text, lines = evidence.open_note(note)
    found = [signature for signer, i, signature in lines if (signer, i) == (name, identifier)]
    if not check(f"{what}: one line of {name}", len(found) == 1, lines):
        return
    check(f"{what}: the length of its signature", len(found[0]) == {1: 64, 4: 72}[kind], len(found[0]))
    message, signature = signed_message(text, kind, found[0])
    check(f"{what}: OpenSSL verifies it", verifies(work, key, message, signature))
    for at in {0, len(message) // 2, len(message) - 1}:
        check(f"{what}: not with byte {at} changed", not verifies(work, key, with_bit(message, at), signature))
    check(f"{what}: not with the signature changed", not verifies(work, key, message, with_bit(signature, 7)))
    check(f"{what}: not with another key", not verifies(work, evidence.open_key(other)[3], message, signature))
    if kind == 4:
        later = with_bit(found[0], 7)
        check(f"{what}: not at another time",
              not verifies(work, key, *signed_message(text, kind, later)))


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    run, work = (pathlib.Path(word).resolve() for word in sys.argv[1:])
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    log_key = (run / "gateway/keys/log.vkey").read_text()
    mirror_key = (run / "collector/keys/mirror.vkey").read_text()
    log = next((run / "collector/logs").iterdir())
    _, _, signed, cosigned = evidence.superblock(run / "gateway/log/1")
    served = (log / "checkpoint").read_bytes()
    verify(work, "the collector's checkpoint, log", served, log_key, mirror_key)
    verify(work, "the collector's checkpoint, mirror", served, mirror_key, log_key)
    verify(work, "the gateway's newest checkpoint", signed, log_key, mirror_key)
    verify(work, "the gateway's cosigned checkpoint", cosigned, mirror_key, log_key)
    return check.close()


if __name__ == "__main__":
    sys.exit(main())
