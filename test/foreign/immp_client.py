"""An IMMP client in the standard library of Python 3 alone, written from docs/protocols/immp.md.

    python3 immp_client.py HOST PORT ACCOUNT PASSWORD KEY

KEY is the SHA-256 of the server's SubjectPublicKeyInfo. It logs in with K3, sends itself messages in all three forms of a block,
reads them in all forms of a download, watches, and prints one JSON object of what it saw. Ends with 1 and a message otherwise.
"""

import base64
import hashlib
import hmac
import json
import re
import socket
import ssl
import sys
import unicodedata


class Failed(Exception):
    pass


def der_item(data, at):
    """Tag, start of the contents and end of one DER item."""
    length, start = data[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length, start = int.from_bytes(data[start : start + count], "big"), start + count
    return data[at], start, start + length


def public_key_info(certificate):
    """The SubjectPublicKeyInfo of an X.509 certificate: the seventh item of its first item, the version counted."""
    _, at, _ = der_item(certificate, 0)
    _, at, _ = der_item(certificate, at)
    items = []
    for _ in range(7):
        _, _, end = der_item(certificate, at)
        items.append(certificate[at:end])
        at = end
    return items[6] if items[0][0] == 0xA0 else items[5]


class Client:
    def __init__(self, host, port, domain, pin):
        self.socket = socket.create_connection((host, port), timeout=30)
        self.held = b""
        self.greeting = self.read_greeting()
        self.upgrade(domain, pin)

    # Octets and lines

    def more(self):
        octets = self.socket.recv(65536)
        if not octets:
            raise Failed("the server has gone")
        self.held += octets

    def octets(self, count):
        while len(self.held) < count:
            self.more()
        octets, self.held = self.held[:count], self.held[count:]
        return octets

    def reply(self):
        """Pipeline, code, whether more follows, and the text."""
        while b"\n" not in self.held:
            self.more()
        line, self.held = self.held.split(b"\n", 1)
        text = line.decode("utf-8").removesuffix("\r")
        match = re.fullmatch(r"(?:([A-Za-z0-9_-]{1,16}): )?([0-9]{3})(?:(-) ?| |$)(.*)", text)
        if match is None:
            raise Failed(f"no reply: {text}")
        pipe, code, dash, rest = match.groups()
        return pipe, code, dash is not None, rest

    def send(self, text):
        self.socket.sendall(text.encode("utf-8"))

    @staticmethod
    def is_over(code, more, text):
        if more or code.startswith("3") or code in ("271", "253", "281"):
            return False
        return code != "291" or text == ""

    def ask(self, line):
        """Sends a line with one command of no pipeline, and gives its replies to the last."""
        self.send(line + "\n")
        replies = []
        while True:
            _, code, more, text = self.reply()
            replies.append((code, text))
            if code in ("303", "271") or self.is_over(code, more, text):
                return replies

    def expect(self, line, code):
        replies = self.ask(line)
        if replies[-1][0] != code:
            raise Failed(f"{line}: {replies[-1]}")
        return replies

    # The beginning

    def read_greeting(self):
        methods = []
        while True:
            _, code, more, text = self.reply()
            if (code == "100" and not more) or code == "102":
                methods = text.split()
            if code == "101":
                return {"methods": methods, **dict(pair.split("=", 1) for pair in text.split() if "=" in pair)}
            if code not in ("100", "102"):
                raise Failed(f"greeted with {code}")

    def upgrade(self, domain, pin):
        self.send("UPGRADE TLS3\n")
        _, code, _, text = self.reply()
        if code != "204":
            raise Failed(f"UPGRADE: {code} {text}")
        if self.held:
            raise Failed("octets in the clear behind the upgrade")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # the key decides
        self.socket = context.wrap_socket(self.socket, server_hostname=domain)
        self.key = hashlib.sha256(public_key_info(self.socket.getpeercert(binary_form=True))).hexdigest()
        if self.key != pin:
            raise Failed(f"another key: {self.key}")

    def log_in(self, account, password):
        self.send(f'AUTH SECRET {account} "Independent client"\n')
        while True:
            _, code, _, line = self.reply()
            if code == "303":
                break
            if code != "302":
                raise Failed(f"AUTH SECRET: {code} {line}")
        asked = dict(pair.split("=", 1) for pair in line.split(" "))
        if "K3" not in asked["k"].split(",") or asked["h"] != "scrypt":
            raise Failed("no K3")
        n, r, p = (int(asked[name]) for name in ("N", "r", "p"))
        if n < 16384 or n & (n - 1) or r < 8 or n * r * 128 > 256 << 20 or p > 16:
            raise Failed("an unfair cost")
        secret = unicodedata.normalize("NFC", password).encode("utf-8")
        h2 = hashlib.scrypt(secret, salt=bytes.fromhex(asked["s"]), n=n, r=r, p=p, maxmem=300 << 20, dklen=32)
        mac = lambda key, data: hmac.new(key, data, hashlib.sha256).digest()
        normal = unicodedata.normalize("NFC", account).lower()
        message = b"".join(part.encode("utf-8") + b"\0" for part in ("IMMP-K3", normal, line, self.key))
        client_key = mac(h2, b"Client Key")
        stored_key = hashlib.sha256(client_key).digest()
        proof = bytes(a ^ b for a, b in zip(client_key, mac(stored_key, message)))
        self.send(f"AUTH RESPONSE {proof.hex()}\n")
        _, code, _, text = self.reply()
        if code != "304" or text != "v=" + mac(mac(h2, b"Server Key"), message).hex():
            raise Failed(f"the server does not show that it knows the password: {code} {text}")
        _, code, _, text = self.reply()
        if code != "210":
            raise Failed(f"AUTH RESPONSE: {code} {text}")
        return text

    # Messages

    def data(self, line, block):
        self.expect(line, "271")
        self.socket.sendall(block)
        _, code, _, text = self.reply()
        if code != "272":
            raise Failed(f"{line}: {code} {text}")

    def downloads(self, line, pipes):
        """Raw downloads of the chained commands of one line, which may alternate: the octets of each pipeline."""
        self.send(line + "\n")
        parts, results = {pipe: [] for pipe in pipes}, {}
        while len(results) < len(pipes):
            pipe, code, more, text = self.reply()
            words = text.split(" ")
            if code != "251":
                raise Failed(f"{pipe}: {code} {text}")
            if more and words[0] == "LENGTH":
                parts[pipe].append(self.octets(int(words[1])))
            elif not more:
                octets = b"".join(parts[pipe])
                if len(octets) != int(words[1]) or hashlib.sha256(octets).hexdigest() != words[3]:
                    raise Failed("not what was announced")
                results[pipe] = octets
        return results

    def watched(self, pipe, path, act):
        """The events that `act` causes, until one is named `new` and what `act` began has been answered with 273."""
        self.send(f"AS {pipe} MBOX WATCH {path}\n")
        events, delivered = [], False
        while not (delivered and events[-1]["event"] == "new"):
            who, code, more, text = self.reply()
            if who == pipe and code == "250" and more:
                events.append(json.loads(text))
                if len(events) == 1:
                    act()
            elif code == "273":
                delivered = True
            else:
                raise Failed(f"while watching: {who} {code} {text}")
        self.send(f"MBOX UNWATCH {pipe}\n")
        ended = set()
        while len(ended) < 2:
            who, code, more, text = self.reply()
            if not more:
                ended.add((who, code))
        if ended != {(None, "200"), (pipe, "250")}:
            raise Failed(f"UNWATCH: {ended}")
        return events


def main(host, port, account, password, pin):
    client = Client(host, int(port), account.split("@")[1], pin)
    accepted = client.log_in(account, password)
    big = bytes(range(256)) * 1000

    client.expect(f'DELIVER TO {account} SUBJECT "All three; of them" +IMPORTANT +MULTIPART', "270")
    client.data("DATA letter.txt TYPE text/plain +CONTENT", "Grüße\n\n\n".encode("utf-8"))
    lines = b"".join(base64.b64encode(big[at : at + 57]) + b"\n" for at in range(0, len(big), 57))
    client.data(f"DATA big.bin TYPE application/octet-stream LENGTH {len(big)} +BASE64", lines + b"\n\n")
    client.data(f"DATA NAME raw.bin TYPE application/octet-stream LENGTH {len(big)}", big)
    code, text = client.expect("DONE", "273")[-1]
    uuid = text.split(" ")[0]

    entries = [json.loads(text) for code, text in client.expect("MBOX INDEX /inbox::unread +JSON", "250")[:-1]]
    status = client.expect("MBOX CHECK :inbox:* +RECURSIVE", "240")
    target = f"/inbox#{uuid}"
    line = "; ".join(f"AS p{part} MBOX FETCH {target} PART {part} -READ" for part in (1, 2, 3))
    parts = client.downloads(line, ["p1", "p2", "p3"])
    if parts["p2"] != big or parts["p3"] != big:
        raise Failed("a part came back changed")
    mail = client.downloads(f"AS m MBOX FETCH {target}", ["m"])["m"]
    message = json.loads(client.expect(f"MBOX FETCH {target} +JSON", "250")[0][1])

    def deliver_another():
        client.send(f"DELIVER TO {account}; DATA TYPE text/plain LENGTH 3; DONE\n")
        while True:
            _, code, _, text = client.reply()
            if code == "271":
                client.socket.sendall(b"two")
            elif code == "272":
                return  # the rest comes between the events

    events = client.watched("w1", "/inbox", deliver_another)
    plain = client.expect("MBOX INDEX /inbox LIMIT 1", "252")
    refused = client.ask("MBOX CHECK /nowhere")[-1][0]
    deleted = client.expect("MBOX DELETE /inbox::*", "241")[-1][1]
    goodbye = client.ask("QUIT")[-1][0]
    print(
        json.dumps(
            {
                "domain": client.greeting["d"],
                "accepted": accepted,
                "letter": parts["p1"].decode("utf-8"),
                "entry": entries[0],
                "status": status,
                "mail": mail.decode("ascii"),
                "message": message,
                "events": [event["event"] for event in events],
                "plain": plain,
                "refused": refused,
                "deleted": deleted,
                "goodbye": goodbye,
            }
        )
    )


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Failed as failure:
        sys.exit(f"failed: {failure}")
