"""A mirror of MNIST on the loopback interface, good and bad, for get_mnist.bats.

Usage: serve_mnist.py DIR PORT_FILE LOG_FILE

Serves DIR/NAME as http://127.0.0.1:PORT/BEHAVIOUR/NAME, writes the port to PORT_FILE once it
listens, and a line "BEHAVIOUR NAME FIRST_BYTE" a request to LOG_FILE. It ends by itself after
two minutes. Behaviours:

good      the file, or the range that was asked for
missing   404
wrong     a well-formed gzip file with other content
page      a web page with status 200
cut       half of the file, then the connection is closed; a range is served to its end
norange   the whole file, whatever range was asked for
stall     half of the file, then silence
"""

import gzip
import http.server
import os
import re
import sys
import threading
import time

DIRECTORY, PORT_FILE, LOG_FILE = sys.argv[1:]


class Mirror(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        behaviour, name = self.path.strip("/").split("/")
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        first = int(asked.group(1)) if asked else 0
        with open(LOG_FILE, "a") as log:
            log.write(f"{behaviour} {name} {first}\n")
        if behaviour == "missing":
            return self.send_error(404)
        if behaviour == "wrong":
            body = gzip.compress(b"something else")
        elif behaviour == "page":
            body = b"<html>Please log in</html>"
        else:
            with open(os.path.join(DIRECTORY, name), "rb") as file:
                body = file.read()
        if behaviour in ("wrong", "page", "norange") or not asked:
            first = 0
            self.send_response(200)
        elif first >= len(body):
            self.send_response(416)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        else:
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - first))
        self.end_headers()
        end = len(body)
        if behaviour == "stall" or (behaviour == "cut" and not asked):
            end //= 2
        self.wfile.write(body[first:end])
        if behaviour == "stall":
            self.wfile.flush()
            time.sleep(20)

    def log_message(self, *_):
        pass


with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as server:
    server.daemon_threads = True
    server.block_on_close = False
    timer = threading.Timer(120, os._exit, [1])
    timer.daemon = True
    timer.start()
    with open(PORT_FILE + ".new", "w") as file:
        file.write(str(server.server_port))
    os.rename(PORT_FILE + ".new", PORT_FILE)
    server.serve_forever()
