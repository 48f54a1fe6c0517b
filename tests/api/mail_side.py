"""A mail server that keeps what it is sent."""

import asyncio
import re
import threading

from support import PATIENCE, wait_until


class MailSink:
    """An SMTP server in a thread that keeps what it is sent, or answers `refusal` to whom it is for."""

    def __init__(self):
        self.mails = []
        self.refusal = None
        self.is_polite = True  # says good-bye
        self.loop = asyncio.new_event_loop()
        started = threading.Event()

        async def serve():
            self.server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
            self.port = self.server.sockets[0].getsockname()[1]
            started.set()

        def run():
            self.loop.run_until_complete(serve())
            self.loop.run_forever()

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()
        assert started.wait(PATIENCE)

    async def _talk(self, reader, writer):
        mail = {"to": [], "data": b""}
        writer.write(b"220 sink ESMTP\r\n")
        while line := await reader.readline():
            word = line.split(b" ")[0].strip().upper()
            if word == b"EHLO":
                writer.write(b"250-sink\r\n250 8BITMIME\r\n")
            elif word == b"RCPT" and self.refusal:
                writer.write(self.refusal + b" not now\r\n")
            elif word == b"RCPT":
                mail["to"].append(re.search(rb"<(.*)>", line).group(1).decode())
                writer.write(b"250 ok\r\n")
            elif word == b"DATA":
                writer.write(b"354 go on\r\n")
                while (part := await reader.readline()) not in (b".\r\n", b""):
                    mail["data"] += part
                self.mails.append(mail)
                mail = {"to": [], "data": b""}
                writer.write(b"250 taken\r\n")
            elif word == b"QUIT" and not self.is_polite:
                continue
            elif word == b"QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                writer.write(b"250 ok\r\n")
        writer.close()

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(PATIENCE)

    def token_for(self, address):
        token = re.compile(rb"^([A-Za-z0-9_\-]{32,})\r?$", re.MULTILINE)
        mails = wait_until(
            lambda: [m for m in self.mails if m["to"] == [address] and token.search(m["data"])], what="a mail"
        )
        return token.search(mails[-1]["data"]).group(1).decode()
