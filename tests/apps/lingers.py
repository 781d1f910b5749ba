# SPDX-License-Identifier: Apache-2.0
"""lingers.py N URL DIR - a hostile traced process.

It offers N sockets in place of rings; whoever closes such a socket last has to wait (SO_LINGER).
It asks for URL before and after that, then makes DIR/asked, and waits for DIR/end."""
import array
import os
import socket
import struct
import sys
import time
import urllib.request

NAME, _, SECRET = os.environ["OTRACE_SESSION"].partition(".")


def offers(address, door):
    """Offers a socket with unread data, in a child: a process that ends does not wait for it."""
    near = socket.create_connection(address)
    near.setblocking(False)
    try:
        while True:
            near.send(bytes(65536))
    except BlockingIOError:
        pass
    near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 3600))
    given = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [near.fileno()]))]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.sendmsg([f"{NAME}.{SECRET}".encode()], given, socket.MSG_DONTWAIT, f"\0{NAME}{door}")
        os._exit(0)  # closes nothing before the process ends


urllib.request.urlopen(sys.argv[2] + "/before").read()
far_ends = []
for i in range(int(sys.argv[1])):
    with socket.create_server(("127.0.0.1", 0)) as place:
        child = os.fork()
        if not child:
            try:
                offers(place.getsockname(), f"{i % 16:x}")
            finally:
                os._exit(0)
        far_ends.append(place.accept()[0])
        os.waitpid(child, 0)
urllib.request.urlopen(sys.argv[2] + "/after").read()
open(sys.argv[3] + "/asked", "w").close()
while not os.path.exists(sys.argv[3] + "/end"):
    time.sleep(0.05)
