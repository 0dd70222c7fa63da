"""IMA from docs/protocols/ima.md alone: builds messages, reads them back, and delivers over IMDP. Python 3 and its standard library.

ima_peer.py build SEED COUNT                       writes COUNT random messages, each behind its length in a line
ima_peer.py read                                   reads such messages and tells their headers and parts as JSON
ima_peer.py deliver HOST PORT CERT KEY CA FILE...  gives each file to the server, and tells the answers as JSON
"""

import hashlib
import json
import random
import re
import socket
import ssl
import sys
import urllib.parse
import uuid

ADDRESS = re.compile(r"[\w.+=~-]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)*", re.I)
PART = re.compile(r"(0|[1-9]\d*) (body|alt|inline|attachment) (\S+)(?: (\S+))?")


def build(headers, parts):
    """headers: (name, value) without ima, part and size; parts: (role, type, file name or None, octets)."""
    lines = [("ima", "1"), *headers]
    for role, kind, name, data in parts:
        shown = "" if name is None else " " + urllib.parse.quote(name, safe="")
        lines.append(("part", f"{len(data)} {role} {kind}{shown}"))
    lines.append(("size", str(sum(len(data) for *_, data in parts))))
    block = "".join(f"{name}: {value}\n" for name, value in lines) + "\n"
    return block.encode() + b"".join(data for *_, data in parts)


def parse(message):
    """Gives the headers and the parts, or raises ValueError."""
    block, found, data = message.partition(b"\n\n")
    if not found:
        raise ValueError("no empty line")
    headers = []
    for line in block.decode().split("\n"):
        match = re.fullmatch(r"([a-z][a-z0-9-]{0,39}): ([\t -~\x80-\U0010ffff]*)", line)
        if not match:
            raise ValueError(line)
        headers.append(match.groups())
    first = dict(reversed(headers))
    if headers[0] != ("ima", "1") or headers[-1][0] != "size" or int(first["size"]) != len(data):
        raise ValueError("not in order")
    for name in ("to", "cc", "bcc"):
        for address in first.get(name, "").split(", "):
            if address and not ADDRESS.fullmatch(address):
                raise ValueError(address)
    listed = [PART.fullmatch(value).groups() for name, value in headers if name == "part"]
    parts, at = [], 0
    for size, role, kind, name in listed or [(first["size"], "body", "text/plain", None)]:
        octets = data[at : at + int(size)]
        at += int(size)
        parts.append((role, kind, name and urllib.parse.unquote(name), octets))
    if at != len(data):
        raise ValueError("the parts are not all of the data")
    return headers, parts


def randomly(chance):
    text = lambda most: "".join(chance.choices("abc xyz äöß 漢字 ☃ =?%+", k=chance.randint(0, most))).strip()
    people = [f"{name}@{host}" for name in ("ann", "bob", "jürgen", "o+tag") for host in ("b.test", "c.test")]
    headers = [
        ("id", f"{uuid.UUID(int=chance.getrandbits(128))}@a.test"),
        ("date", f"2026-11-{chance.randint(1, 30):02}T05:00:{chance.randint(0, 59):02}Z"),
        ("from", "alice@a.test"),
        ("to", ", ".join(chance.sample(people, chance.randint(1, 4)))),
        ("subject", text(40)),
        *[("x-note", text(60)) for _ in range(chance.randint(0, 3))],
    ]
    parts = [("body", "text/plain;charset=utf-8", None, text(200).encode())]
    if chance.random() < 0.3:
        parts.append(("alt", "text/html", None, b"<p>" + text(50).encode()))
    for _ in range(chance.randint(0, 3)):
        parts.append(("attachment", "application/octet-stream", text(20) or "x", chance.randbytes(chance.randint(0, 300))))
    return build(headers, parts if chance.random() < 0.9 else [])


def told(message):
    try:
        headers, parts = parse(message)
    except (ValueError, KeyError, AttributeError) as error:
        return {"error": type(error).__name__}
    shown = [[role, kind, name, hashlib.sha256(data).hexdigest()] for role, kind, name, data in parts]
    return {"headers": headers, "parts": shown}


def deliver(host, port, cert, key, ca, files):
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(cert, key)
    with socket.create_connection(("127.0.0.1", int(port))) as plain:
        with context.wrap_socket(plain, server_hostname=host) as tls:
            lines = tls.makefile("rb")
            said = lambda: lines.readline().decode().rstrip("\n")
            for file in files:
                message = open(file, "rb").read()
                head = message.index(b"\n\n") + 2
                tls.sendall(message[:head])
                answers = [said()]
                if answers[0] == "ACCEPT":
                    tls.sendall(b"DATA\n" + message[head:])
                    while answers[-1] not in ("OK", "FAIL", "PARTIAL", ""):
                        answers.append(said())
                yield answers
            tls.sendall(b"DONE\n")
            if lines.read():
                raise ValueError("more than was asked for")


task, *args = sys.argv[1:]
if task == "build":
    chance = random.Random(int(args[0]))
    for _ in range(int(args[1])):
        message = randomly(chance)
        sys.stdout.buffer.write(f"{len(message)}\n".encode() + message)
elif task == "read":
    source = sys.stdin.buffer
    print(json.dumps([told(source.read(int(line))) for line in iter(source.readline, b"")]))
else:
    print(json.dumps(list(deliver(*args[:5], args[5:]))))
