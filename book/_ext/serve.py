"""Serve the built site, rebuild it and reload open pages when a file is saved: `make serve`.

usage: serve.py PORT
"""

import socket
import subprocess
import sys
from pathlib import Path

from livereload import Server

ROOT = Path(__file__).resolve().parent.parent.parent
WATCHED = ("book/**/*", "img/*", "data/*", "_config.yml", "_toc.yml", "requirements.txt", "constraints.txt")


def build():
    subprocess.run(["make", "--no-print-directory", "book"], cwd=ROOT)  # prints what is wrong; the last good page stays


def main(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            sys.exit(f"Port {port} is in use: stop what runs there, or take another one: make serve PORT={port + 1}")
    server = Server()
    for pattern in WATCHED:
        server.watch(str(ROOT / pattern), build, delay=0.2)
    print(f"The course is on http://localhost:{port}; it follows what you save. Stop with Ctrl-C.", flush=True)
    server.serve(port=port, host="127.0.0.1", root=str(ROOT / "_build" / "html"), open_url_delay=None)


if __name__ == "__main__":
    main(int(sys.argv[1]))
