"""Python's own reading of mail, to compare with: of each file, as JSON, its subject, writer, plain text and files with their digests."""

import hashlib
import json
import sys
from email import message_from_bytes, policy


def told(octets):
    message = message_from_bytes(octets, policy=policy.default)
    text, files = [], []
    for part in leaves(message):
        if part.get_content_disposition() != "attachment" and part.get_content_type() in ("text/plain", "text/html"):
            try:
                words = part.get_content()
            except LookupError:  # a charset that is not known is a file
                words = None
            if words is not None:
                text += words.split() if part.get_content_type() == "text/plain" else []
                continue
        files.append([part.get_filename(), hashlib.sha256(content(part).replace(b"\r\n", b"\n").rstrip(b"\n")).hexdigest()])
    writer = message["from"].addresses[0] if message["from"] else None
    return {
        "subject": " ".join(str(message["subject"] or "").split()),
        "from": writer and [writer.display_name, writer.addr_spec],
        "text": " ".join(text),
        "files": files,
    }


def leaves(part):
    if part.get_content_maintype() == "multipart":
        for inner in part.iter_parts():
            yield from leaves(inner)
    else:
        yield part


def content(part):
    if part.get_content_maintype() == "message" and part.is_multipart():
        return b"\r\n".join(inner.as_bytes(policy=policy.SMTP) for inner in part.iter_parts())
    return part.get_payload(decode=True) or b""


print(json.dumps([told(open(name, "rb").read().replace(b"\n", b"\r\n")) for name in sys.argv[1:]]))
