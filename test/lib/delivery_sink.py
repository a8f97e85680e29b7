#!/usr/bin/env python3
"""A receiver of webhooks and a mail server in one, for the tests of the deliverer.

    delivery_sink.py DIRECTORY

listens on ports of 127.0.0.1, writes them to DIRECTORY/ports ("http smtp"), and appends every
request, every mail and every login as a line of JSON to DIRECTORY/received.  With a certificate and its key in
DIRECTORY/tls.pem the mail server offers STARTTLS, and there are two more ports ("https smtps").  The first
part of a URL's path says how it answers:

    /ok            204
    /fail/N        500 to the first N requests for this path, then 204
    /status/N      N
    /busy          503 with Retry-After: 3600
    /gone          410
    /redirect      302 to /ok
    /endless       200 and a body that never ends
    /hold          no answer to the first request for this path, 204 to the next ones

A recipient that begins with "refused" is refused with 550, one with "later" with 450; a mail to one
with "patient" is taken after six seconds.  After a recipient that ends with "-mute" the server has no
answer to QUIT.  It takes the password "right" of anybody, also where the connection is plain.
"""
import base64
import collections
import http.server
import json
import os
import select
import socketserver
import ssl
import sys
import threading

directory = sys.argv[1]
certificate = os.path.join(directory, "tls.pem")
tls = None
if os.path.exists(certificate):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
lock = threading.Lock()
seen = collections.Counter()


def receive(**what):
    with lock, open(os.path.join(directory, "received"), "a", encoding="utf-8") as out:
        print(json.dumps(what), file=out, flush=True)


def encrypted(connection):
    return isinstance(connection, ssl.SSLSocket)


class Http(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.do_POST()

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with lock:
            seen[self.path] += 1
            times = seen[self.path]
        receive(method=self.command, path=self.path, body=body.decode(), tls=encrypted(self.connection),
                headers={name.lower(): value for name, value in self.headers.items()})
        part = self.path.strip("/").split("/")
        if part[0] == "hold" and times == 1:
            self.rfile.read(1)      # until the other side is gone
            self.close_connection = True
        elif part[0] == "endless":
            self.endless()
        elif part[0] == "redirect":
            self.answer(302, Location="/ok")
        elif part[0] == "busy":
            self.answer(503, **{"Retry-After": "3600"})
        elif part[0] == "gone":
            self.answer(410)
        elif part[0] == "status":
            self.answer(int(part[1]))
        elif part[0] == "fail" and times <= int(part[1]):
            self.answer(500)
        else:
            self.answer(204)

    def answer(self, status, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def endless(self):
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        try:
            while True:
                self.wfile.write(b"x" * 65536)
        except OSError:
            pass


class Smtp(socketserver.StreamRequestHandler):
    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def offer(self):
        self.say("250-sink")
        if tls and not encrypted(self.connection):
            self.say("250-STARTTLS")
        self.say("250 AUTH PLAIN")

    def start_tls(self):
        self.say("220 go on")
        self.request = tls.wrap_socket(self.request, server_side=True)
        self.setup()

    def login(self, response):
        if not response:
            self.say("334 ")
            response = self.rfile.readline().decode().strip()
        _, user, password = base64.b64decode(response).decode().split("\0")
        receive(path="/login", user=user, password=password, tls=encrypted(self.connection))
        self.say("235 welcome" if password == "right" else "535 who?")

    def handle(self):
        sender, recipients, mute = None, [], False
        self.say("220 sink")
        while raw := self.rfile.readline():
            line = raw.decode().rstrip("\r\n")
            verb = line.split(":")[0].split(" ")[0].upper()
            mute = mute or "-mute@" in line
            if verb == "MAIL":
                sender, recipients = line, []
                self.say("250 ok")
            elif verb == "RCPT" and "<refused" in line:
                self.say("550 no such user")
            elif verb == "RCPT" and "<later" in line:
                self.say("450 later")
            elif verb == "RCPT":
                recipients.append(line)
                self.say("250 ok")
            elif verb == "DATA":
                self.say("354 go on")
                text = []
                for raw_text in self.rfile:
                    if raw_text == b".\r\n":
                        break
                    text.append(raw_text.decode())
                receive(sender=sender, recipients=recipients, mail="".join(text), tls=encrypted(self.connection))
                if "<patient" in recipients[0]:
                    select.select([self.connection], [], [], 6)     # or until the other side has had enough
                self.say("250 taken")
            elif verb == "QUIT" and mute:
                pass
            elif verb == "QUIT":
                self.say("221 bye")
                return
            elif verb == "EHLO":
                self.offer()
            elif verb == "STARTTLS" and tls:
                self.start_tls()
            elif verb == "AUTH":
                self.login(line.partition("PLAIN")[2].strip())
            else:
                self.say("250 ok" if verb in ("HELO", "RSET", "NOOP") else "502 what?")


class Tls:
    """TLS from the first byte on."""
    def setup(self):
        self.request = tls.wrap_socket(self.request, server_side=True)
        super().setup()


class Https(Tls, Http):
    pass


class Smtps(Tls, Smtp):
    pass


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):      # the other side is gone, or does not trust us
            super().handle_error(request, client_address)


servers = [Server(("127.0.0.1", 0), handler) for handler in (Http, Smtp) + ((Https, Smtps) if tls else ())]
with open(os.path.join(directory, "ports.new"), "w", encoding="utf-8") as ports:
    print(*(server.server_address[1] for server in servers), file=ports)
os.rename(os.path.join(directory, "ports.new"), os.path.join(directory, "ports"))
threads = [threading.Thread(target=server.serve_forever) for server in servers]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
