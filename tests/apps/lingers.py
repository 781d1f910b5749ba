# SPDX-License-Identifier: Apache-2.0
"""lingers.py N URL DIR - a traced process that means ill: it offers N sockets for rings, each of
which keeps whoever closes it last waiting. Before and after it asks for URL; then it makes
DIR/asked, and waits for DIR/end."""
import array
import os
import socket
import struct
import sys
import time
import urllib.request

NAME, _, SECRET = os.environ["OTRACE_SESSION"].partition(".")


def lingering():
    """A socket that has sent what nobody reads."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        near = socket.create_connection(door.getsockname())
        far = door.accept()[0]
    near.setblocking(False)
    try:
        while True:
            near.send(bytes(65536))
    except BlockingIOError:
        near.setblocking(True)
    near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 3600))
    return near, far


urllib.request.urlopen(sys.argv[2] + "/before").read()
far_ends = []
for i in range(int(sys.argv[1])):
    near, far = lingering()
    far_ends.append(far)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as out:
        given = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [near.fileno()]))]
        try:
            out.sendmsg([f"{NAME}.{SECRET}".encode()], given, 0, f"\0{NAME}{i % 16:x}")
        except BlockingIOError:
            near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))
    near.close()
    time.sleep(0.02)
urllib.request.urlopen(sys.argv[2] + "/after").read()
open(sys.argv[3] + "/asked", "w").close()
while not os.path.exists(sys.argv[3] + "/end"):
    time.sleep(0.05)
