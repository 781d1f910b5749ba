# SPDX-License-Identifier: Apache-2.0
"""raw.py PORT WHAT - unusual, valid traffic for httpd.py; fails if an answer is wrong."""
import http.client
import os
import re
import socket
import sys
import time

PORT = int(sys.argv[1])


def dial():
    return socket.create_connection(("127.0.0.1", PORT), timeout=10)


def answer(sock, body=True):
    """Reads one answer with a Content-Length and returns (status, body)."""
    got = b""
    while b"\r\n\r\n" not in got:
        part = sock.recv(1)
        assert part, "ended in the head: %r" % got
        got += part
    status = int(got.split()[1])
    length = re.search(rb"(?i)content-length: *(\d+)", got)
    left = int(length.group(1)) if length and body else 0
    text = b""
    while len(text) < left:
        part = sock.recv(left - len(text))
        assert part, "ended in the body"
        text += part
    return status, text


def bytewise():
    sock = dial()
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in b"GET /byte HTTP/1.1\r\nHost: x\r\nX-Y: z\r\n\r\n":
        sock.sendall(bytes([byte]))
        time.sleep(0.001)
    assert answer(sock) == (200, b"hello /byte\n")


def pipelined():
    sock = dial()
    sock.sendall(b"".join(b"GET /pipe/%d HTTP/1.1\r\nHost: x\r\n\r\n" % i for i in range(10)))
    for i in range(10):
        assert answer(sock) == (200, b"hello /pipe/%d\n" % i)


def chunked():
    conn = http.client.HTTPConnection("127.0.0.1", PORT)
    conn.request("GET", "/chunked/8")
    assert conn.getresponse().read() == b"".join(b"part%d" % i for i in range(8))
    conn.request("GET", "/after")
    assert conn.getresponse().read() == b"hello /after\n"


def expect():
    sock = dial()
    sock.sendall(b"POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    assert answer(sock)[0] == 100
    sock.sendall(b"hello")
    status, text = answer(sock)
    assert status == 200 and text.startswith(b"5 "), text


def nobody():
    sock = dial()
    for method, path, want in ((b"HEAD", b"/head", 200), (b"GET", b"/status/204", 204),
                               (b"GET", b"/status/304", 304)):
        sock.sendall(method + b" " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer(sock, body=False)[0] == want
    sock.sendall(b"GET /last HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer(sock) == (200, b"hello /last\n")


def gone():
    sock = dial()
    sock.sendall(b"GET /big/30000000 HTTP/1.1\r\nHost: x\r\n\r\n")
    sock.recv(100000)
    sock.close()
    time.sleep(0.1)


def exits():
    sock = dial()
    sock.sendall(b"GET /exit HTTP/1.1\r\nHost: x\r\n\r\n")
    got = b""
    while part := sock.recv(4096):
        got += part
    assert got.endswith(b"half"), got


def halfrequest():
    sock = dial()
    sock.sendall(b"GET /half HTTP/1.1\r\nHost: x\r\nX-")
    time.sleep(0.05)
    os._exit(0)


def statuses():
    sock = dial()
    for code in 404, 418, 500:
        sock.sendall(b"GET /status/%d HTTP/1.1\r\nHost: x\r\n\r\n" % code)
        assert answer(sock)[0] == code


def foreign():
    """Speaks an unknown protocol between two sockets of this process."""
    ours, theirs = between()
    data = b"\x16\xf1\x09\x44" + os.urandom(9000)
    for _ in range(40):
        for one, other in ((ours, theirs), (theirs, ours)):
            one.sendall(data)
            assert take(other, len(data)) == data


def http2():
    """Sends frames of HTTP/2, in one call of three buffers and in calls of 7 bytes."""
    def frame(kind, payload):
        return len(payload).to_bytes(3, "big") + bytes([kind, 4, 0, 0, 0, 1]) + payload

    data = frame(0, b"payload." * 2000)
    frames = b"".join(frame(1, b"heading%d" % i) + data for i in range(3))
    ours, theirs = between()
    begin = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    sent = ours.sendmsg([begin, frame(4, b"settings") + frames[:5000], frames[5000:]])
    assert take(theirs, 41 + len(frames))[41:] == frames and sent == 41 + len(frames)
    answer = frame(1, b"answered" * 20)
    for at in range(0, len(answer), 7):
        theirs.sendall(answer[at:at + 7])
    assert take(ours, len(answer)) == answer


def ssh():
    ours, theirs = between()
    for text in b"SSH-2.0-x\r\n", b"secret" * 100, b"secret" * 100:
        for one, other in ((ours, theirs), (theirs, ours)):
            one.sendall(text)
            assert take(other, len(text)) == text


def between():
    """Returns the two ends of a connection of this process to itself."""
    server = socket.create_server(("127.0.0.1", 0))
    return socket.create_connection(server.getsockname()), server.accept()[0]


def take(sock, n):
    got = b""
    while len(got) < n:
        got += sock.recv(n - len(got))
    return got


def hostile():
    sock = dial()
    sock.sendall(b"GET /good HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer(sock)[0] == 200
    sock.sendall(b"\x00\xff\x1b[31m" * 2000 + b"\r\n\r\n")
    try:
        while sock.recv(4096):
            pass
    except OSError:
        pass


def escape():
    for path, agent in ((b"/a\xe2\x80\xaeb\xff\xc3?q=\xff", b"r\xffd\xe2\x80\xae"),
                        (b"/a\x1b]52;c;eA==\x07", b"\x1b[31mred")):
        sock = dial()
        sock.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nUser-Agent: " + agent +
                     b"\r\nConnection: close\r\n\r\n")
        while sock.recv(4096):
            pass


{"continue": expect, "exit": exits}.get(sys.argv[2], globals().get(sys.argv[2]))()
print("good")
