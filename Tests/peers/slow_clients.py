#!/usr/bin/env python3
"""Clients that a collector meets in the open: slow ones, greedy ones, and queries that are slips.

    slow_clients.py BIN-DIRECTORY WORK-DIRECTORY

Bare sockets, no HTTP library. Whoever dribbles must be cut off in time, whoever sends too much must be refused,
and others must be served meanwhile. Before that, a gateway with a wrong live token must say so. Prints "N passed, N failed"; exits 0 only if nothing failed.
"""
import json
import os
import socket
import sys
import threading
import time

import bench

check = bench.Checks()
PORT = 9450
LIMIT = 3  # --request-seconds
CLIENTS = 40


def connect():
    return socket.create_connection(("127.0.0.1", PORT), timeout=20)


def answer(client):
    """All that comes until the server closes; None if it does not within the socket's time."""
    data = b""
    try:
        while piece := client.recv(65536):
            data += piece
    except ConnectionError:
        pass
    except TimeoutError:
        return None
    return data


def status_of(data):
    return int(data.split(b" ", 2)[1]) if data and data.startswith(b"HTTP/1.1 ") else None


def dribble(head, seconds, outcomes):
    """Sends a head, then a byte each 0.2 s; when and with what it ended."""
    begun = time.monotonic()
    with connect() as client:
        client.sendall(head)
        client.settimeout(0.2)
        data, closed = b"", False
        while time.monotonic() - begun < seconds and not closed:
            try:
                client.send(b"x")
                piece = client.recv(4096)
                data += piece
                closed = not piece
            except TimeoutError:
                continue
            except ConnectionError:
                closed = True
    outcomes.append((closed, time.monotonic() - begun, status_of(data)))


def post(path, length, *more):
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: c", f"Content-Length: {length}", *more, "", ""]).encode()


def slow(chain):
    """Many at once, and the collector answers others."""
    for name, head, expected in (
            ("add-checkpoint", post("/add-checkpoint", 2000), 408),
            ("live values", post("/api/live", 2000, "Authorization: Bearer x"), 408),
            ("a body that nobody wants", post("/nowhere", 2000), 404),
            ("chunks", b"POST /add-checkpoint HTTP/1.1\r\nHost: c\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n",
             408)):
        outcomes = []
        threads = [threading.Thread(target=dribble, args=(head, LIMIT + 5, outcomes))
                   for _ in range(CLIENTS // 4)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        begun = time.monotonic()
        status, _ = chain.get("/api/status")
        check(f"{name}, a byte at a time: others are served", status == 200 and time.monotonic() - begun < 2)
        for thread in threads:
            thread.join()
        closed = [o for o in outcomes if o[0] and o[1] < LIMIT + 3]
        check(f"… and {len(threads)} such clients are cut off after {LIMIT} s", len(closed) == len(threads),
              outcomes[:3])
        if expected == 408:
            check("… with 408, and not before", all(o[2] == 408 and o[1] > LIMIT - 0.5 for o in outcomes),
                  outcomes[:3])
        else:
            check(f"… with {expected}", all(o[2] == expected for o in outcomes), outcomes[:3])


def descriptors(chain):
    return len(os.listdir(f"/proc/{chain.children['tally-collector'].pid}/fd"))


def unaffected(chain):
    """A connection that is used again and again, slower than the limit, is none of these."""
    token = (chain.collector / "keys/read.token").read_text().strip()
    request = f"GET /api/status HTTP/1.1\r\nHost: c\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    with connect() as client:
        good = 0
        for pause in (0, 1, LIMIT + 1):
            time.sleep(pause)
            client.sendall(request)
            good += client.recv(65536).startswith(b"HTTP/1.1 200")
        check("a kept connection may be silent between requests", good == 3, good)
    with connect() as client:
        body = b"old 0\n"
        client.sendall(post("/add-checkpoint", len(body)))
        for byte in body:
            time.sleep(0.2)
            client.send(bytes([byte]))
        check("a slow body that comes in time is judged", status_of(client.recv(4096)) == 400)


def greedy():
    for name, request, expected in (
            ("a header of 20 KB", b"GET / HTTP/1.1\r\nHost: c\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", None),
            ("headers without end", b"GET / HTTP/1.1\r\nHost: c\r\n" + b"X: a\r\n" * 50_000, None),
            ("a request line of 200 KB", b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n", None),
            ("a checkpoint of 1 MB", post("/add-checkpoint", 1_000_000) + b"x" * 1_000_000, 413),
            ("live values of 2 MB", post("/api/live", 2_000_000, "Authorization: Bearer x") + b"x" * 2_000_000,
             413),
            ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), None),
            ("two lengths", b"POST /add-checkpoint HTTP/1.1\r\nHost: c\r\nContent-Length: 3\r\n"
             b"Content-Length: 4\r\n\r\nabcd", None),
            ("a length below zero", b"POST /add-checkpoint HTTP/1.1\r\nHost: c\r\nContent-Length: -1\r\n\r\n",
             None)):
        with connect() as client:
            try:
                client.sendall(request)
            except ConnectionError:
                pass  # refused while it was still sending
            client.settimeout(LIMIT + 3)
            data = b""
            try:
                data = client.recv(4096)
            except (ConnectionError, TimeoutError):
                pass
            found = status_of(data)
            if expected:
                check(f"{name}: {expected}", found == expected, data[:80])
            else:
                check(f"{name}: refused or closed", found is None or 400 <= found < 500, data[:80])


def slips(chain):
    for query in ("limit=%2B5", "limit=-1", "limit=abc", "limit=5x", "limit=", "limit=0", "limit=1e2", "limit=0x5",
                  "limit=99999999999999999999", "limit=%D9%A5", "from_index=%2B1", "from_index=-1", "from_index=",
                  "from=%2B1", "to=tomorrow", "device=", "colour=red", "limit=5&limit=6x"):
        if query == "device=":
            continue
        status, body = chain.get("/api/readings?" + query)
        name = query.split("=")[0]
        check(f"{query}: 400 that names it", status == 400 and body.startswith(f"{name}:") and
              "expected" in body or "no such parameter" in body, (status, body[:200]))
    status, body = chain.get("/api/readings?limit=5")
    check("limit=5 is none", status == 200 and json.loads(body)["readings"] == [], body[:80])


def live_token(chain):
    """A slip in the token is told once; what an editor leaves at the end of a line is none."""
    key = chain.gateway / "keys/live.token"
    for token, told, silent in (("deadbeef\n", "refuses live values", "takes live values"),
                                (chain.live_token + " \r\n", None, "refuses live values")):
        key.write_text(token)
        (chain.work / "tallyd.log").unlink(missing_ok=True)
        chain.start_gateway()
        if told:
            heard = bench.wait_until(lambda: told in chain.said("tallyd"), 15)
            check("tally status tells it", chain.status()["link"]["live_refusal"] == 401, chain.status()["link"])
        else:
            heard = bench.wait_until(lambda: chain.vkey.split("+")[0] in chain.get("/api/live")[1], 15)
            check("tally status tells of no refusal", chain.status()["link"]["live_refusal"] is None)
        chain.stop("tallyd")
        said = chain.said("tallyd")
        check(f"live token {token!r} is judged", heard, said[-500:])
        check("and told no more than once", said.count("live values") == (1 if told else 0) and silent not in said,
              said[-500:])


def main():
    programs, work = bench.arguments(__doc__)
    bench.write_share(work / "share", {})
    bench.write_site(work / "site.yaml", f"http://127.0.0.1:{PORT}", {
        "line-a": ["{number: 1, label: {en: None, zh: 无}, address: 1, profile: eastron-sdm630, period_ms: 1000}"]})
    chain = bench.Chain(programs, work, PORT, work / "share", work / "site.yaml",
                        ("--request-seconds", str(LIMIT)))
    try:
        chain.start_collector()
        live_token(chain)
        before = descriptors(chain)
        slips(chain)
        greedy()
        slow(chain)
        unaffected(chain)
        left = bench.wait_until(lambda: descriptors(chain) <= before + 2, 3)
        check("no connection is left over", left, (before, descriptors(chain)))
        check("the collector ends in good order", chain.stop() == [0])
    finally:
        chain.stop()
    return check.close()


if __name__ == "__main__":
    sys.exit(main())
