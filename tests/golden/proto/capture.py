#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records what two programs say to each other over loopback.

    capture.py OUT.conv LISTEN_PORT TARGET_PORT [-- COMMAND ...]

Stands between the two, writes one line per read ("> " client to server, "< " back)
with C escapes, and ends with COMMAND or on Ctrl-C. Connections after the first are
written one after the other into OUT.conv.2, OUT.conv.3 ...
"""
import asyncio
import sys


def escape(data):
    out = []
    for b in data:
        c = chr(b)
        if c == "\\":
            out.append("\\\\")
        elif c == "\r":
            out.append("\\r")
        elif c == "\n":
            out.append("\\n")
        elif 32 <= b < 127:
            out.append(c)
        else:
            out.append(f"\\x{b:02x}")
    return "".join(out)


count = 0


async def pump(reader, writer, sign, out):
    while data := await reader.read(65536):
        out.write(f"{sign} {escape(data)}\n")
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


async def serve(path, port):
    async def session(reader, writer):
        global count
        count += 1
        name = path if count == 1 else f"{path}.{count}"
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", port)
        with open(name, "w", encoding="ascii") as out:
            await asyncio.gather(pump(reader, up_writer, ">", out),
                                 pump(up_reader, writer, "<", out),
                                 return_exceptions=True)
        up_writer.close()
        writer.close()
    return session


async def main():
    path, listen, target = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    command = sys.argv[5:]
    server = await asyncio.start_server(await serve(path, target), "127.0.0.1", listen)
    async with server:
        if command:
            proc = await asyncio.create_subprocess_exec(*command)
            await proc.wait()
            await asyncio.sleep(0.2)
        else:
            await server.serve_forever()


asyncio.run(main())
