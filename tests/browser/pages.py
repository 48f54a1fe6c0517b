"""A web server in front, as a front end has one: it has the page, and hands what is below /api to Roentgen."""

import contextlib
import http.client
import http.server
import ssl
import subprocess
import threading

from support import PATIENCE

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}


class _Handler(http.server.BaseHTTPRequestHandler):
    def _answer(self):
        if self.path.startswith("/api/"):
            self._hand_on()
            return
        page = self.server.pages.get(self.path)
        self.send_response(404 if page is None else 200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write((page or "").encode())

    def _hand_on(self):
        backend = http.client.HTTPConnection("127.0.0.1", self.server.behind, timeout=PATIENCE)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in {"connection"}}
        headers["X-Forwarded-For"] = self.client_address[0]
        headers["X-Forwarded-Proto"] = self.server.scheme
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
        with contextlib.closing(backend), contextlib.suppress(OSError):  # a page that is left takes no more
            backend.request(self.command, self.path, body=body, headers=headers)
            answer = backend.getresponse()
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, value)
            self.end_headers()
            while part := answer.read1(65536):
                self.wfile.write(part)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer

    def log_message(self, *_):
        pass


class FrontEnd:
    """`pages`: by path. With TLS when there is a folder for its key."""

    def __init__(self, server, pages, tls_folder=None):
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.http.daemon_threads, self.http.block_on_close = True, False
        self.http.pages, self.http.behind = pages, server.port
        self.http.scheme = "https" if tls_folder else "http"
        if tls_folder:
            self._begin_tls(tls_folder)
        self.url = f"{self.http.scheme}://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def _begin_tls(self, folder):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=front"]
            + ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "certificate.pem"],
            cwd=folder,
            check=True,
            capture_output=True,
            timeout=PATIENCE,
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
        # The handshake belongs to the connection's own thread, not to the one that takes connections.
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True, do_handshake_on_connect=False)

    def close(self):
        self.http.shutdown()
        self.http.server_close()
