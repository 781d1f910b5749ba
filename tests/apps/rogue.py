#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""rogue.py WAY SEED URL - a hostile traced process, which damages the ring (bpf/ring.h).

It asks for URL/before, damages the ring a thousand times in the way named, and asks again now and
then. It prints the number of its requests each time; any exit status is allowed."""
import array
import ctypes
import fcntl
import os
import random
import re
import socket
import sys
import threading
import time
import urllib.request

HEAD, SLOT, MAGIC = 8192, 64, 0x346E6952
HEAD_AT, COUNTS_AT, TAIL_AT = 64, 80, 192
F_ADD_SEALS, SEALS = 1033, {"none": 0, "shrink": 2, "all": 7}
EDGES = (0, 1, 7, 8, 39, 40, 63, 64, 65, 4095, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 64,
         2**32 - 1)

dice = random.Random(int(sys.argv[2]))


asked = 0


def ask(path):
    global asked
    urllib.request.urlopen(sys.argv[3] + path, timeout=20).read()
    asked += 1
    print(asked, flush=True)


def ring():
    """Returns address and size of the ring that this process shares with the agent."""
    for line in open("/proc/self/maps"):
        if found := re.match(r"(\w+)-(\w+) rw-s .*/memfd:otrace-ring", line):
            begin, end = (int(at, 16) for at in found.groups())
            return begin, end - begin
    sys.exit("no ring")


def word(at, bits=64):
    kind = ctypes.c_uint64 if bits == 64 else ctypes.c_uint32
    return kind.from_address(AT + at)


def some():
    return dice.choice((dice.getrandbits(64), dice.choice(EDGES), 2**64 - 1 - dice.choice(EDGES)))


def head():
    """Writes random numbers into words of the head."""
    word(dice.randrange(HEAD // 8) * 8).value = some()


def sizes():
    """Writes slots with a right stamp and a wrong size."""
    place = word(HEAD_AT).value // SLOT * SLOT
    slot = HEAD + place % (SIZE - HEAD)
    word(slot + 4, 32).value = dice.choice(EDGES)
    word(slot + 8).value = some()
    word(slot + 16).value = some()
    word(slot, 32).value = (place // SLOT * 2654435761 ^ MAGIC) & (2**32 - 1)
    word(HEAD_AT).value = place + SLOT * dice.randrange(1, 4)


def backwards():
    """Moves counters backwards, and over each other."""
    at = dice.choice((HEAD_AT, TAIL_AT, COUNTS_AT + 8 * dice.randrange(12)))
    by = dice.choice((1, SLOT, -SLOT, SIZE, -SIZE, 2**31, 2**32, -(2**63)))
    word(at).value = (word(at).value + by) % 2**64


def anywhere():
    for _ in range(50):
        word(dice.randrange(SIZE // 8) * 8).value = some()


def offer(fd):
    """Sends an offer to a door, as a process of this session does."""
    name, _, _ = os.environ["OTRACE_SESSION"].partition(".")
    given = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
    door = f"{dice.randrange(16):x}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        for to in (f"{name}/{door}", f"\0{name}{door}"):
            try:
                out.connect(to)
                out.sendmsg([os.environ["OTRACE_SESSION"].encode()], given, socket.MSG_DONTWAIT)
                return
            except OSError:
                continue


def memory(size, seals, text):
    fd = os.memfd_create("otrace-ring", os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, size)
    os.pwrite(fd, text, 0)
    fcntl.fcntl(fd, F_ADD_SEALS, SEALS[seals])
    return fd


def offers():
    """Offers rings of other sizes, rings that shrink, files that are no memory, and one ring twice."""
    copy = ctypes.string_at(AT, SIZE)
    text = dice.choice((copy, copy[:HEAD], os.urandom(4096), b""))
    way = dice.randrange(8)
    if way < 5:
        size = dice.choice((SIZE, SIZE, SIZE + 1, SIZE - 4096, 4096, 2**40))
        fd = memory(size, dice.choice(tuple(SEALS)), text if size >= len(text) else b"")
        offer(fd)
        if dice.randrange(2):
            offer(fd)
        for size in (0, SIZE):
            try:
                os.ftruncate(fd, size)
            except OSError:
                pass
    elif way == 5:
        fd, other = os.pipe()
        offer(dice.choice((fd, other)))
        os.close(other)
    elif way == 6:
        fd = os.open(dice.choice(("/", "/dev/zero", "/dev/full", "/proc/self/maps")), os.O_RDONLY)
        offer(fd)
    else:
        mine = memory(SIZE, "all", copy)
        fd = os.open(f"/proc/self/fd/{mine}", os.O_RDONLY)
        os.close(mine)
        offer(fd)
    os.close(fd)
    time.sleep(0.001)


def children():
    """Writes into the ring of the parent, from a child."""
    child = os.fork()
    if not child:
        for _ in range(100):
            anywhere()
        os._exit(0)
    os.waitpid(child, 0)


WAYS = {"head": (head, 3000), "sizes": (sizes, 3000), "backwards": (backwards, 3000),
        "anywhere": (anywhere, 3000), "offers": (offers, 300), "children": (children, 20)}

ask("/before")
AT, SIZE = ring()
step, times = WAYS[sys.argv[1]]


def steps():
    for i in range(times):
        step()
        if i % 50 == 0:
            time.sleep(0.002)


thread = threading.Thread(target=steps)
thread.start()
while thread.is_alive():
    ask("/between")
    time.sleep(0.02)
thread.join()
