# SPDX-License-Identifier: Apache-2.0
"""pgcut.py - both ends of a PostgreSQL connection, with an answer that is copied in part.

The first read of the answer is so long that its middle is not copied. The second one is short,
begins within a row, and is copied. Then comes one more statement."""
import socket
import struct
import threading
import time

first_read = threading.Event()


def message(kind, body=b""):
    return kind + struct.pack("!i", len(body) + 4) + body


ready = message(b"Z", b"I")
columns = message(b"T", struct.pack("!h", 1) + b"t\0" + struct.pack("!ihihih", 0, 0, 25, -1, -1, 0))
row = message(b"D", struct.pack("!hi", 1, 3000) + b"x" * 3000)
long = columns + 3 * row
end = message(b"C", b"SELECT 3\0") + ready


def serve(listener):
    conn, _ = listener.accept()
    conn.recv(4096)
    conn.sendall(message(b"R", struct.pack("!i", 0)) + ready)
    conn.recv(4096)
    conn.sendall(long[:-20])
    first_read.wait()
    conn.sendall(long[-20:] + end)
    conn.recv(4096)
    conn.sendall(columns + end)
    conn.recv(4096)


def read(conn, size):
    while size > 0:
        got = conn.recv(size)
        assert got
        size -= len(got)


listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=serve, args=(listener,)).start()
conn = socket.create_connection(listener.getsockname())
conn.sendall(struct.pack("!ii", 17, 196608) + b"user\0me\0\0")
read(conn, 9 + len(ready))
time.sleep(1)  # by then the source has the policy of this connection
conn.sendall(message(b"Q", b"SELECT t FROM long\0"))
read(conn, len(long) - 20)
first_read.set()
read(conn, 20 + len(end))
conn.sendall(message(b"Q", b"SELECT t FROM short\0"))
read(conn, len(columns + end))
conn.close()
