# SPDX-License-Identifier: Apache-2.0
"""lossy.py - sends a hundred requests, small and of 200 kB, on one connection to its own server."""
import http.client,http.server,threading
class H(http.server.BaseHTTPRequestHandler):
    protocol_version="HTTP/1.1"
    def do_GET(s): s.send_response(200); s.send_header("Content-Length","2"); s.end_headers(); s.wfile.write(b"ok")
    def do_POST(s):
        n=int(s.headers["Content-Length"]); 
        while n: n-=len(s.rfile.read(min(n,65536)))
        s.send_response(200); s.send_header("Content-Length","2"); s.end_headers(); s.wfile.write(b"ok")
    def log_message(s,*a): pass
srv=http.server.ThreadingHTTPServer(("127.0.0.1",0),H); threading.Thread(target=srv.serve_forever,daemon=True).start()
c=http.client.HTTPConnection(*srv.server_address)
for i in range(100):
    if i%3: c.request("GET","/%d"%i)
    else: c.request("POST","/%d"%i,body=b"x"*200000)
    c.getresponse().read()
