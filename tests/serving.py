"""The built site as a web server sends it: compressed, with its security policy as a header, and the 404 page.

The server also counts what it sends, since a browser does not tell the size of its own cached files.
"""

import functools
import gzip
import html
import http.server
import re
import threading
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMPRESSED = {".html", ".css", ".js", ".svg", ".json", ".txt", ".xml"}


@functools.lru_cache
def compressed(path, modified):
    content = path.read_bytes()
    return min(content, gzip.compress(content, mtime=0), key=len) if path.suffix in COMPRESSED else content


def policy(page):
    """The security policy that the page states itself, with what only a header can say."""
    stated = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    return html.unescape(stated[1]) + "; frame-ancestors 'none'" if stated else "default-src 'none'"


def prefix(folder):
    """The part of the site's address after the host, such as /course/: only the page for wrong addresses names it."""
    return re.search(r'href="(/[^"]*)_static/site\.css', Path(folder, "404.html").read_text(encoding="utf8"))[1]


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urlsplit(self.path)
        top = prefix(self.directory)
        path = Path(self.directory, unquote(url.path).removeprefix(top))
        path = path / "index.html" if path.is_dir() else path
        status = 200 if path.is_file() and url.path.startswith(top) else 404
        if status == 404:
            path = Path(self.directory, "404.html")
        content = compressed(path, path.stat().st_mtime_ns)
        self.send_response(status)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Length", str(len(content)))
        if content[:2] == b"\x1f\x8b":
            self.send_header("Content-Encoding", "gzip")
        if path.suffix == ".html":
            self.send_header("Content-Security-Policy", policy(path.read_text(encoding="utf8")))
        # What has a digest in its address never changes; pages and fonts are asked for again after a while.
        self.send_header("Cache-Control", "max-age=31536000, immutable" if url.query else "max-age=600")
        self.end_headers()
        self.wfile.write(content)
        self.server.sent.append((url.path, len(content)))

    def log_message(self, *arguments):
        pass


@contextmanager
def serve(folder):
    """The site in `folder` on a free port: its address, and the list of what was sent, as (path, bytes)."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
    server.sent = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{prefix(folder).rstrip('/')}", server.sent
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
