"""A TCP relay between gateway and collector that can be told to fail: the link of the crash loop."""

import asyncio
import collections
import re
import socket
import struct
import threading


class Relay:
    """Listens on one port and passes everything on to another. What it does is set with `set`:

        ok                      passes on
        refuse                  nothing listens; what was open is reset
        reset                   what is open is reset once, then passes on
        stall                   accepts and passes nothing on, in either direction, until the next `set`
        stall-lost              the same, and what was open then is reset without having passed
        cut (up or down, n)     passes n more bytes in that direction, then resets; so with each connection
        delay (seconds)         passes each piece on later

    Counts the answers by path and status, which is how a refused checkpoint is seen on the wire.
    """

    MODES = ("refuse", "reset", "stall", "stall-lost", "cut-up", "cut-down", "delay")

    def __init__(self, port, target):
        self.port, self.target = port, target
        self.answers = collections.Counter()
        self.mode, self.amount = "ok", 0
        self.connections = set()
        self.server = None
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.call(self.listen())

    def call(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def set(self, mode, amount=0):
        self.call(self.change(mode, amount))

    def unanswered(self):
        """Paths of the requests under way."""
        return [connection.path for connection in list(self.connections) if connection.path]

    def close(self):
        self.call(self.change("refuse", 0))
        self.loop.call_soon_threadsafe(self.loop.stop)

    async def listen(self):
        if self.server is None:
            self.server = await asyncio.start_server(self.accept, "127.0.0.1", self.port)

    async def change(self, mode, amount):
        lost = self.mode == "stall-lost"
        self.mode, self.amount = mode, amount
        if mode in ("refuse", "reset") or lost:
            for connection in list(self.connections):
                connection.reset()
        for connection in self.connections:
            connection.left = amount
            connection.moved.set()
        if mode == "refuse":
            if self.server is not None:
                self.server.close()
                await self.server.wait_closed()
                self.server = None
        else:
            await self.listen()

    async def accept(self, reader, writer):
        connection = Connection(self, writer)
        try:
            # A stalled link takes the connection, as a middlebox may, and asks nobody for it.
            await connection.pass_stall()
            near, far = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            connection.reset()
            return
        connection.writers.append(far)
        if connection.is_dead:
            connection.reset()
            return
        await asyncio.gather(
            connection.pump(reader, far, "cut-up"), connection.pump(near, writer, "cut-down"))
        connection.reset()


class Connection:
    REQUEST = re.compile(rb"(?:POST|GET|PUT) (\S+) HTTP/1")
    ANSWER = re.compile(rb"HTTP/1\.1 (\d\d\d)")

    def __init__(self, relay, writer):
        self.relay, self.writers = relay, [writer]
        self.left = relay.amount
        self.moved = asyncio.Event()
        self.is_dead = False
        self.path = None  # of the request under way
        relay.connections.add(self)

    def reset(self):
        self.is_dead = True
        self.moved.set()
        self.relay.connections.discard(self)
        for writer in self.writers:
            connected = writer.get_extra_info("socket")
            try:
                # No lingering: the other side gets a reset and not an orderly end.
                connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            except OSError:
                pass
            writer.transport.abort()

    async def pass_stall(self):
        while self.relay.mode.startswith("stall") and not self.is_dead:
            self.moved.clear()
            await self.moved.wait()

    async def pump(self, reader, writer, cut):
        try:
            while not self.is_dead:
                piece = await reader.read(65536)
                await self.pass_stall()
                if self.relay.mode == "delay":
                    await asyncio.sleep(self.relay.amount)
                if self.relay.mode == cut:
                    piece, self.left = piece[:self.left], self.left - len(piece)
                if self.is_dead:
                    break
                self.note(piece, cut)
                if not piece:
                    break
                writer.write(piece)
                await writer.drain()
                if self.relay.mode == cut and self.left <= 0:
                    break
        except OSError:
            pass
        self.reset()

    def note(self, piece, cut):
        if cut == "cut-up":
            match = self.REQUEST.match(piece)
            if match:
                self.path = match[1].decode()
        else:
            match = self.ANSWER.match(piece)
            if match:
                self.relay.answers[self.path, int(match[1])] += 1
                self.path = None
