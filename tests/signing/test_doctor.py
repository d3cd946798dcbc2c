"""The signature doctor: each mistake that it knows is made here, by other code than the one that undoes it.

SOAK=1 pytest tests/signing/test_doctor.py    two hundred of each kind, rather than ten

No secret in this file opens anything: all are made up here.
"""

import base64
import gzip
import hashlib
import hmac
import html
import json
import os
import random
import re
import shutil
import subprocess
import traceback
import urllib.parse
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import combinations
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from webhook_tutorial import SignatureError, SimulatedClock, diagnose, sign, verify
from webhook_tutorial.signing import (
    DIALECTS,
    DISCORD,
    DOCUSIGN,
    GITHUB,
    HUBSPOT,
    HUBSPOT_V2,
    LINEAR,
    MAILGUN,
    MORE_DIALECTS,
    SHOPIFY,
    SLACK,
    SQUARE,
    STANDARD_WEBHOOKS,
    STRIPE,
    SVIX,
    TWILIO,
    TWITCH,
    TYPEFORM,
    ZENDESK,
    ZOOM,
    Dialect,
)
from webhook_tutorial.signing import methods as methods_of_signing
from webhook_tutorial.signing.doctor import search as search_of_the_doctor
from webhook_tutorial.signing.doctor.cures import CURES, FRAMEWORKS, LESSONS
from webhook_tutorial.signing.doctor.differences import differences
from webhook_tutorial.signing.doctor.doctor import _case
from webhook_tutorial.signing.doctor.mistakes import MISTAKES
from webhook_tutorial.signing.doctor.search import MOST_BYTES, MOST_COMPUTATIONS, Search
from webhook_tutorial.signing.doctor.written_again import WRITERS
from webhook_tutorial.signing.places import form
from webhook_tutorial.signing.times import TIMES

EVERY = DIALECTS + MORE_DIALECTS
SOAK = bool(os.environ.get("SOAK"))
CASES = 200 if SOAK else 10
SETTINGS = settings(max_examples=60, deadline=None, derandomize=True, database=None)
NOW = 1_795_445_643
CLOCK = SimulatedClock(start=NOW)


class Delivery(NamedTuple):
    """A delivery, and what reads it: what `diagnose` takes."""

    body: bytes
    headers: dict
    secret: str
    dialect: Dialect
    secrets: dict
    method: str = ""
    url: str = ""

    def diagnose(self, clock=CLOCK):
        return diagnose(
            self.body, self.headers, self.secret, self.dialect, secrets=self.secrets, clock=clock,
            method=self.method, url=self.url,
        )  # fmt: skip

    def with_header(self, name, change):
        return self._replace(headers={n: change(v) if n == name else v for n, v in self.headers.items()})

    def accepted(self, clock=CLOCK):
        try:
            verify(self.body, self.headers, self.secret, self.dialect, clock=clock, method=self.method, url=self.url)
        except (SignatureError, ValueError):
            return False
        return True


# --- Genuine deliveries -------------------------------------------------------------------------------------


def key_pair(dialect, chance):
    """What a dialect signs with and verifies with, made up."""
    if dialect.method == "ed25519":
        seed = chance.randbytes(32)
        public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
        if dialect.key == "hex":
            return seed.hex(), public.hex()
        private = base64.b64encode(seed + public).decode()
        return dialect.private_prefix + private, dialect.key_prefix + base64.b64encode(public).decode()
    if dialect.key == "base64":
        return (dialect.key_prefix + base64.b64encode(chance.randbytes(24)).decode(),) * 2
    if dialect is STRIPE:
        return ("whsec_" + base64.b64encode(chance.randbytes(24)).decode(),) * 2
    return (base64.b64encode(chance.randbytes(24)).decode(),) * 2


WORDS = ("paid", "Zoë", "a/b", "<b>&co", "¡olé!", "東京", "😀", "it's", 'say "hi"', "back\\slash", "tab\there", "x+y")


def value(chance, depth=0):
    kind = chance.randrange(9 if depth < 2 else 6)
    if kind == 6:
        return {f"k{i}": value(chance, depth + 1) for i in chance.sample(range(1, 9), chance.randint(1, 3))}
    if kind == 7:
        return [value(chance, depth + 1) for _ in range(chance.randint(1, 3))]
    return [True, None, chance.randint(0, 9_999), *chance.sample(WORDS, 6)][kind]


def an_object(chance, floats=None):
    """A value as a provider sends it: with what every way of writing JSON writes in its own way."""
    fields = {
        "type": "order.paid", "name": chance.choice(WORDS[1:]), "url": "https://shop.example/a/b",
        "note": chance.choice(("<b>&co", "Zoë <3", "¡olé! & more")), "data": value(chance),
        "list": [chance.choice(WORDS), chance.randint(0, 9_999)][: chance.randint(1, 2)],
    }  # fmt: skip
    names = list(fields)
    chance.shuffle(names)
    fields = {name: fields[name] for name in names}
    floats = chance.choice((0, 1, 2)) if floats is None else floats
    fields |= getattr(chance, "fields", {})
    return fields | {f"f{i}": chance.choice((10.0, 2.5, 0.125, 3.0)) for i in range(floats)}


# How providers write JSON, written here once more.
def dotnet(fields):
    text = json.dumps(fields, separators=(",", ":"))
    text = text.replace("\\\\", "\0").replace('\\"', "\\u0022").replace("\0", "\\\\")
    text = re.sub(r"\\u[0-9a-f]{4}", lambda m: "\\u" + m[0][2:].upper(), text)
    for character in "<>&'+`":
        text = text.replace(character, f"\\u{ord(character):04X}")
    return text


def html_safe(text):
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


STYLES = {
    "compact": lambda fields: json.dumps(fields, separators=(",", ":"), ensure_ascii=False),
    "compact ASCII": lambda fields: json.dumps(fields, separators=(",", ":")),
    "spaced": lambda fields: json.dumps(fields, ensure_ascii=False),
    "spaced ASCII": json.dumps,
    "indented": lambda fields: json.dumps(fields, indent=2, ensure_ascii=False),
    "indented by 4": lambda fields: json.dumps(fields, indent=4, ensure_ascii=False),
    "PHP": lambda fields: json.dumps(fields, separators=(",", ":")).replace("/", "\\/"),
    "Rails": lambda fields: html_safe(json.dumps(fields, separators=(",", ":"), ensure_ascii=False)),
    ".NET": dotnet,
    "compact, newline": lambda fields: json.dumps(fields, separators=(",", ":"), ensure_ascii=False) + "\n",
}


def a_form(chance):
    fields = {"token": "x" * 8, "text": chance.choice(WORDS), "url": "https://a.example/b?c=d&e=~f", "empty": ""}
    names = list(fields)
    chance.shuffle(names)
    return {name: fields[name] for name in names}


class Chance(random.Random):
    """Chance, with what else a delivery needs: fields in its JSON, and the URL."""

    def __init__(self, seed, dialect, url=""):
        super().__init__(seed)
        self.url = url or ("https://shop.example/hooks/a?b=1&c=x%20y" if "url" in dialect.places else "")
        self.fields = {}
        if dialect is LINEAR:
            self.fields = {"webhookTimestamp": NOW * 1000}
        elif dialect is MAILGUN:
            self.fields = {"signature": {"timestamp": f"{NOW}", "token": "t" * 50, "signature": "0" * 64}}


def is_form(body):
    return b"=" in body and body.isascii() and not body.startswith((b"{", b"[", b" "))


def signed_by(theirs, body, private, chance, at=NOW):
    """A delivery as the provider makes it: its body, headers, method and URL."""
    url, headers = getattr(chance, "url", ""), {"Content-Type": "application/json"}
    if theirs.signature == MAILGUN.signature:
        body = body.replace(b'"%d"' % NOW, b'"%d"' % at)
        right = hmac.new(private.encode(), f"{at}{'t' * 50}".encode(), "sha256").hexdigest()
        return body.replace(b"0" * 64, right.encode()), headers, "", ""
    if theirs.timestamp == LINEAR.timestamp:
        body = body.replace(b"%d" % (NOW * 1000), b"%d" % (at * 1000))
        theirs = replace(theirs, timestamp="", time_format="seconds", max_age=None, max_ahead=None)
    if "form" in theirs.places and is_form(body):
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
    elif theirs.body_hash:
        url += ("&" if "?" in url else "?") + f"{theirs.body_hash}={hashlib.sha256(body).hexdigest()}"
    method = "POST" if url else ""
    id = f"msg_{chance.randrange(10**6)}"
    return body, headers | sign(
        body, private, theirs, id=id, timestamp=at, method=method, url=url, headers=headers
    ), method, url  # fmt: skip


def deliver(dialect, body, chance, sent_by=None):
    """A genuine delivery; ``sent_by`` is the dialect that the provider really speaks."""
    private, public = key_pair(sent_by or dialect, chance)
    body, headers, method, url = signed_by(sent_by or dialect, body, private, chance)
    headers |= {"Content-Length": str(len(body)), "User-Agent": "provider/1"}
    return Delivery(body, headers, public, dialect, {"other": key_pair(dialect, chance)[1]}, method, url)


# --- Mistakes at the body -----------------------------------------------------------------------------------


def whole(fields):
    """The same, with whole numbers where JavaScript knows no other: 10 for 10.0."""
    if isinstance(fields, dict):
        return {name: whole(item) for name, item in fields.items()}
    if isinstance(fields, list):
        return [whole(item) for item in fields]
    return int(fields) if isinstance(fields, float) and fields == int(fields) else fields


def rewriter(style, numbers=lambda fields: fields, **options):
    return lambda body: style(numbers(json.loads(body)), **options).encode()


def sorted_keys(fields):
    return json.loads(json.dumps(fields, sort_keys=True))


REWRITERS = {
    "rewritten-python": rewriter(json.dumps),
    "rewritten-python-compact": rewriter(STYLES["compact ASCII"]),
    "rewritten-python-sorted": rewriter(json.dumps, sorted_keys),
    "rewritten-flask": lambda body: (
        json.dumps(json.loads(body), sort_keys=True, separators=(",", ":")).encode() + b"\n"
    ),
    "rewritten-javascript": rewriter(STYLES["compact"], whole),
    "rewritten-javascript-indented": rewriter(STYLES["indented"], whole),
    "rewritten-go": rewriter(STYLES["Rails"], lambda fields: whole(sorted_keys(fields))),
    "rewritten-php": rewriter(STYLES["PHP"], whole),
    "rewritten-ruby": rewriter(STYLES["compact"]),
    "rewritten-rails": rewriter(STYLES["Rails"]),
    "rewritten-dotnet": rewriter(dotnet),
}
SORTING = ("rewritten-python-sorted", "rewritten-flask", "rewritten-go")


def json_body(chance, name=""):
    """A JSON body, such that what happens to it under this name can be undone."""
    fields = an_object(chance)
    if name in SORTING:
        fields = sorted_keys(fields)
    styles = list(STYLES)
    if name in ("rewritten-javascript", "rewritten-javascript-indented", "rewritten-go", "rewritten-php"):
        # Numbers change too: the likely ways to write them are tried with the likely ways to write the rest.
        styles = [style for style in styles if "indented" not in style and "newline" not in style]
    return STYLES[chance.choice(styles)](fields).encode()


def slack_form(chance, style=urllib.parse.urlencode):
    return style(a_form(chance)).encode()


def unpacked_form(body):
    return dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))


def node_form(fields):
    """As querystring.stringify does."""
    name, value = (
        {text: urllib.parse.quote(text, "!'()*-._~") for text in texts} for texts in (fields, fields.values())
    )
    return "&".join(f"{name[n]}={value[v]}" for n, v in fields.items())


def urlsearchparams(fields):
    quote = urllib.parse.quote_plus
    return "&".join(f"{quote(n, '*')}={quote(v, '*').replace('~', '%7E')}" for n, v in fields.items())


def message_form(chance):
    """A form as Twilio sends it, with nothing in its fields that divides fields."""
    fields = {"From": "+14155550100", "Body": f"Zoë: a/b {chance.choice(('10%', '<3', '¡olé!'))}", "Sid": "SM1"}
    return urllib.parse.urlencode(dict(chance.sample(list(fields.items()), 3))).encode()


def recoded_form(read, written):
    def recode(body):
        fields = urllib.parse.parse_qsl(body.decode(), encoding=read)
        return urllib.parse.urlencode(fields, encoding=written).encode()

    return recode


#: What makes of a body what arrives; before it, what makes the body.
BODY = {
    **{name: ((lambda chance, name=name: json_body(chance, name)), write) for name, write in REWRITERS.items()},
    "newline-lost": (lambda c: json_body(c).rstrip() + b"\n", lambda b: b[:-1]),
    "newline-added": (lambda c: json_body(c).rstrip(), lambda b: b + b"\n"),
    "space-around": (lambda c: json_body(c).rstrip(), lambda b: b"  " + b + b"\n\n"),
    "bom-lost": (lambda c: b"\xef\xbb\xbf" + json_body(c), lambda b: b[3:]),
    "bom-added": (json_body, lambda b: b"\xef\xbb\xbf" + b),
    "crlf-lost": (
        lambda c: STYLES["indented"](an_object(c)).replace("\n", "\r\n").encode(),
        lambda b: b.replace(b"\r\n", b"\n"),
    ),
    "crlf-made": (
        lambda c: STYLES["indented"](an_object(c)).encode(),
        lambda b: b.replace(b"\n", b"\r\n"),
    ),
    "utf8-read-as-latin1": (
        lambda c: STYLES["compact"](an_object(c) | {"ü": "é"}).encode(),
        lambda b: b.decode("latin-1").encode(),
    ),
    "utf8-made-latin1": (
        lambda c: '{"name":"Zoë","n":%d}'.encode() % c.randrange(999), lambda b: b.decode().encode("latin-1"),
    ),
    "utf-16": (json_body, lambda b: b.decode().encode("utf-16")),
    "base64": (json_body, base64.b64encode),
    "compressed": (json_body, gzip.compress),
    "json-in-json": (json_body, lambda b: json.dumps(b.decode(), ensure_ascii=False).encode()),
    "buffer-as-json": (json_body, lambda b: json.dumps({"type": "Buffer", "data": list(b)}).encode()),
    "python-bytes": (json_body, lambda b: str(b).encode()),
    "python-dict": (
        lambda c: STYLES[c.choice(("compact", "spaced", "PHP"))](an_object(c, floats=0)).encode(),
        lambda b: str(json.loads(b)).encode(),
    ),
    "html-escaped": (json_body, lambda b: html.escape(b.decode()).encode()),
    "form-rewritten": (slack_form, lambda b: node_form(unpacked_form(b)).encode()),
    "form-decoded": (message_form, lambda b: urllib.parse.unquote_plus(b.decode()).encode()),
    "form-encoded-twice": (message_form, lambda b: b.replace(b"%", b"%25")),
    "form-plus": (message_form, lambda b: b.replace(b"%2B", b"+") if len(b) % 2 else b.replace(b"+", b"%2B")),
    "form-read-as-latin1": (message_form, recoded_form("latin-1", "utf-8")),
    "form-made-latin1": (message_form, recoded_form("utf-8", "latin-1")),
    "form-as-json": (slack_form, lambda b: json.dumps(unpacked_form(b)).encode()),
    "json-as-form": (
        lambda c: json.dumps({"a": c.randrange(99), "q": "b=c"}).encode(),
        lambda b: urlsearchparams(dict(urllib.parse.parse_qsl(b.decode(), keep_blank_values=True))).encode(),
    ),
}  # fmt: skip


# --- Mistakes elsewhere -------------------------------------------------------------------------------------

# What happens to a delivery: functions of a delivery and chance, which give None where it cannot have the mistake.
HMAC = [d for d in EVERY if d.method != "ed25519"]
PREFIXED = [d for d in EVERY if d.key_prefix]
BASE64_KEYS = [d for d in EVERY if d.key == "base64"]
TEXT_KEYS = [GITHUB, SLACK, SHOPIFY, *MORE_DIALECTS]


def with_secret(change, dialects=EVERY):
    def happens(delivery, chance):
        if delivery.dialect not in dialects or not isinstance(delivery.secret, str):
            return None
        return delivery._replace(secret=change(delivery.secret, chance))

    return happens


def signature_of(dialect):
    return dialect.signature.replace("{n}", "1")


def spelled(change, fits=lambda dialect: True):
    """The bare signature in another spelling."""

    def happens(delivery, chance):
        dialect, name = delivery.dialect, signature_of(delivery.dialect)
        if not fits(dialect) or not isinstance(delivery.headers.get(name), str):
            return None
        return delivery.with_header(name, lambda value: respelled(dialect, value, change))

    return happens


def respelled(dialect, value, change):
    before, prefix, bare = value.rpartition(dialect.prefix) if dialect.prefix else ("", "", value)
    try:
        return before + prefix + change(bare)
    except ValueError:
        return value


def to_base64(text):
    return base64.b64encode(bytes.fromhex(text)).decode()


def to_hex(text):
    return base64.b64decode(text).hex()


def prefix_changed(delivery, chance):
    prefix = delivery.dialect.prefix
    return signed_header(lambda v: v.replace(prefix, chance.choice(("", "v9="))) if prefix else "sha256=" + v)(
        delivery, chance
    )


def renamed(delivery, chance):
    change = chance.choice((lambda n: "HTTP_" + n.upper().replace("-", "_"), lambda n: n.lower().encode()))
    return delivery._replace(headers={change(name): value for name, value in delivery.headers.items()})


def signed_header(change, pick=signature_of):
    def happens(delivery, chance):
        name = pick(delivery.dialect)
        if not isinstance(delivery.headers.get(name), str):
            return None
        return delivery.with_header(name, change)

    return happens


def stamped(change, *formats):
    """Another text where the time stands."""

    def happens(delivery, chance):
        dialect = delivery.dialect
        if not (dialect.timestamp_header or dialect.mark) or dialect.time_format not in formats:
            return None
        if dialect.timestamp_header:
            return signed_header(change, lambda dialect: dialect.timestamp)(delivery, chance)
        mark = f"t={NOW}"
        return signed_header(lambda v: v.replace(mark, "t=" + change(str(NOW))))(delivery, chance)

    return happens


def other_header(delivery, chance):
    """The time that is signed stands in another header, and the dialect's is not there or holds something else."""
    stamp = delivery.dialect.timestamp_header
    if not stamp or stamp not in delivery.headers:
        return None
    headers = {n: v for n, v in delivery.headers.items() if n != stamp}
    moment = datetime.fromtimestamp(NOW, UTC)
    write = TIMES[delivery.dialect.time_format].write
    headers["X-Sent-At"] = chance.choice((write(NOW), moment.isoformat(), format_datetime(moment, usegmt=True)))
    if chance.random() < 0.5:
        headers[stamp] = write(NOW + chance.randint(1, 200))
    return delivery._replace(headers=headers)


def another_secret(delivery, chance):
    return delivery._replace(secret=delivery.secrets["other"], secrets={"old": delivery.secret})


def unreadable_secret(delivery, chance):
    return delivery._replace(secret=[delivery.secret, "§"]) if delivery.dialect.key != "text" else None


def twice(delivery, chance):
    """A second header with another signature, under the very name that is read first."""
    name = signature_of(delivery.dialect)
    if not isinstance(delivery.headers.get(name), str):
        return None
    other = name.upper() if name == name.lower() else chance.choice((name.lower(), name.upper()))
    wrong = respelled(delivery.dialect, delivery.headers[name], lambda text: text[::-1])
    return delivery._replace(headers={other: delivery.headers[name]} | delivery.headers | {name: wrong})


def typed_otherwise(delivery, chance):
    if "form" not in delivery.dialect.places or not is_form(delivery.body):
        return None
    return delivery.with_header("Content-Type", lambda _: chance.choice(("text/plain", "application/json")))


def in_another_form(delivery, chance):
    changes = {
        "seconds": [lambda s: s + ".0", lambda s: f"[{s}]"],
        "milliseconds": [lambda s: f"{s[:-3]}.{s[-3:]}", lambda s: s + ".5", lambda s: s + "000"],
        "rfc3339": [
            lambda s: s.replace("Z", "+00:00"), lambda s: s.replace("Z", ".000Z"), lambda s: str(NOW),
            lambda s: s.replace("T", " "), lambda s: f"{NOW}000",
        ],
    }[delivery.dialect.time_format]  # fmt: skip
    return stamped(chance.choice(changes), *TIMES)(delivery, chance)


HAPPENS = {
    "secret-space": with_secret(lambda s, c: c.choice(("{}\n", " {}", "{}\r\n", "\t{} ")).format(s)),
    "secret-quotes": with_secret(lambda s, c: c.choice(('"{}"', "'{}'", '"{}"\n', "“{}”")).format(s)),
    "secret-backslash-n": with_secret(lambda s, c: s + "\\n"),
    "secret-line": with_secret(lambda s, c: c.choice(("SECRET={}", 'export HOOK="{}"', "secret: {}")).format(s)),
    "secret-version": with_secret(lambda s, c: "v1," + s),
    "prefix-missing": with_secret(lambda s, c: s.partition("_")[2], PREFIXED),
    "prefix-doubled": with_secret(lambda s, c: s[: s.find("_") + 1] + s, [*PREFIXED, STRIPE]),
    "plus-lost": with_secret(lambda s, c: s.replace("+", " "), BASE64_KEYS),
    "secret-urlsafe": with_secret(lambda s, c: s.replace("+", "-").replace("/", "_").rstrip("="), BASE64_KEYS),
    "secret-unreadable": unreadable_secret,
    "another": another_secret,
    "signature-in-base64": spelled(to_base64, lambda d: d.encoding == "hex"),
    "signature-in-hex": spelled(to_hex, lambda d: d.encoding == "base64"),
    "signature-in-base64-of-hex": spelled(
        lambda s: base64.b64encode(s.encode()).decode(), lambda d: d.encoding == "hex"
    ),
    "uppercase-hex": spelled(str.upper, lambda d: d.encoding == "hex"),
    "signature-urlsafe": spelled(
        lambda s: s.replace("+", "-").replace("/", "_").rstrip("="), lambda d: d.encoding == "base64"
    ),
    "signature-prefix": prefix_changed,
    "header-names": renamed,
    "header-not-text": lambda d, c: signed_header(c.choice((lambda v: [v], str.encode)))(d, c),
    "header-space": signed_header(lambda v: f" {v}\t"),
    "header-quotes": signed_header(lambda v: f'"{v}"'),
    "header-folded": signed_header(lambda v: v[:20] + "\r\n\t" + v[20:]),
    "header-joined": signed_header(lambda v: f"{v}, {v}", lambda d: d.timestamp_header or signature_of(d)),
    "header-twice": twice,
    "content-type": typed_otherwise,
    "time-form": in_another_form,
    "milliseconds": stamped(lambda s: s + "123", "seconds"),
    "milliseconds-lost": stamped(lambda s: s[:-3], "milliseconds"),
    "another-header": other_header,
}


# How a provider sends what the dialect does not say: functions of a dialect, a body and chance, None as above.
def send_with(dialect, body, chance, pair=None, at=NOW, **changes):
    private, public = pair or key_pair(dialect, chance)
    body, headers, method, url = signed_by(replace(dialect, **changes), body, private, chance, at)
    return Delivery(body, headers, public, dialect, {"other": key_pair(dialect, chance)[1]}, method, url)


def sent_private_key(dialect, body, chance):
    private, public = key_pair(dialect, chance)
    delivery = send_with(dialect, body, chance, (private, public))
    # 32 bytes alone could be a public key as well: with the public one behind them they prove what they are.
    whole = private + public if dialect.key == "hex" else private
    return delivery._replace(secret=whole) if dialect.method == "ed25519" else None


def sent_read_as(key, dialects, prefix=""):
    """The provider makes the key of the secret in another way than the dialect says."""

    def send(dialect, body, chance):
        if dialect not in dialects:
            return None
        secret, begin = key_pair(dialect, chance)[0], prefix
        if key == "hex":
            secret, begin = dialect.key_prefix + chance.randbytes(24).hex(), dialect.key_prefix
        return send_with(dialect, body, chance, (secret, secret), key=key, key_prefix=begin)

    return send


def sent_in_another_dialect(dialect, body, chance):
    """Ours has other headers, and both take the same secret."""
    pairs = [
        (STANDARD_WEBHOOKS, SVIX), (GITHUB, SHOPIFY), (SLACK, STRIPE), (SQUARE, HUBSPOT), (DOCUSIGN, ZENDESK),
        (ZOOM, TWITCH),
    ]  # fmt: skip
    theirs = (dict(pairs + [pair[::-1] for pair in pairs]) | {LINEAR: TYPEFORM, TYPEFORM: GITHUB}).get(dialect)
    return deliver(dialect, body, chance, sent_by=theirs) if theirs else None


def sent_with_another_hash(dialect, body, chance):
    if not dialect.method.startswith("hmac") or dialect is MAILGUN:
        return None
    delivery = deliver(dialect, body, chance)
    key = (
        base64.b64decode(delivery.secret.removeprefix("whsec_"))
        if dialect.key == "base64"
        else delivery.secret.encode()
    )
    parts = {place: getattr(delivery, place).encode() for place in ("method", "url") if place in dialect.places}
    parts["form"] = form(body) if "form" in dialect.places and is_form(body) else b""
    id, stamp = (delivery.headers.get(name, "") for name in (dialect.id, dialect.timestamp_header))
    message = dialect.message(id, stamp or str(NOW), body, parts)
    digest = hmac.new(key, message, "sha256" if dialect is TWILIO else "sha1")
    if dialect is GITHUB and chance.random() < 0.5:
        headers = delivery.headers | {"X-Hub-Signature": "sha1=" + digest.hexdigest()}
        return delivery._replace(headers={n: v for n, v in headers.items() if n != dialect.signature})
    right = digest.hexdigest() if dialect.encoding == "hex" else base64.b64encode(digest.digest()).decode()
    return delivery.with_header(signature_of(dialect), lambda value: respelled(dialect, value, lambda _: right))


def sent_in_other_parts(dialect, body, chance):
    before = "{secret}" if dialect.method == "sha256" else ""
    if dialect in (SQUARE, HUBSPOT_V2):
        return send_with(dialect, body, chance, signed=before + "{body}")
    if dialect is TWILIO:
        return send_with(dialect, body, chance, signed="{url}{body}", body_hash="")
    if not (dialect.timestamp_header or dialect.mark):
        return None
    template = dialect.signed.replace("{timestamp}.", "{timestamp}:") if "." in dialect.signed else "{timestamp}.{body}"
    template = "{id}.{timestamp}.{body}" if dialect is TWITCH else template
    return send_with(dialect, body, chance, signed=template)


def sent_at(pick, limit):
    """At another time; a dialect without that limit takes any."""

    def send(dialect, body, chance):
        most = getattr(dialect, limit)
        return send_with(dialect, body, chance, at=pick(chance, most)) if most is not None else None

    return send


def sent_in_another_time_format(dialect, body, chance):
    if not (dialect.timestamp_header or dialect.mark):
        return None
    other = chance.choice(("seconds", "milliseconds")) if dialect.time_format == "rfc3339" else "rfc3339"
    return send_with(dialect, body, chance, time_format=other)


def sent_with_a_fraction(dialect, body, chance):
    """The time is signed with a fraction, of which three digits are lost."""
    if dialect.time_format != "rfc3339":
        return None
    private, public = key_pair(dialect, chance)
    whole = datetime.fromtimestamp(NOW, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = "." + "".join(chance.choices("0123456789", k=chance.choice((3, 6, 9))))
    id = "msg_1" if dialect.id else ""
    message = dialect.message(id, f"{whole}{fraction}Z", body)
    cut = fraction[:-3].rstrip(".")
    headers = {dialect.id: id} if id else {}
    headers[dialect.timestamp] = f"{whole}{cut}Z"
    headers[dialect.signature] = dialect.prefix + methods_of_signing.SIGN[dialect.method](dialect, private, message)
    return Delivery(body, headers, public, dialect, {})


SENT = {
    "private-key": sent_private_key,
    "secret-whole": sent_read_as("text", [STANDARD_WEBHOOKS, SVIX]),
    "secret-without-prefix": sent_read_as("text", [STANDARD_WEBHOOKS, SVIX, STRIPE], "whsec_"),
    "secret-base64": sent_read_as("base64", TEXT_KEYS),
    "secret-hex": sent_read_as("hex", [*TEXT_KEYS, STANDARD_WEBHOOKS, SVIX]),
    "another-dialect": sent_in_another_dialect,
    "another-hash": sent_with_another_hash,
    "signed-otherwise": sent_in_other_parts,
    "too-old": sent_at(lambda c, most: NOW - most - c.randint(1, 100_000), "max_age"),
    "too-new": sent_at(lambda c, most: NOW + most + c.randint(1, 100_000), "max_ahead"),
    "time-format": sent_in_another_time_format,
    "seconds": lambda d, b, c: send_with(d, b, c, time_format="seconds") if d is HUBSPOT else None,
    "fraction-lost": sent_with_a_fraction,
}
SENT_IN_MILLISECONDS = sent_at(lambda c, most: NOW * 1000 + c.randint(0, 999), "max_ahead")

# --- Mistakes at the URL ------------------------------------------------------------------------------------

URL, BARE = "https://shop.example/hooks/a?b=1&c=x%20y", "https://shop.example/hooks/a"
INSIDE = "http://10.0.0.7:8000"


def behind_proxy(url, headers, chance):
    said = chance.choice(
        ({"X-Forwarded-Host": "shop.example, inner"}, {"Forwarded": 'for=1.2.3.4;host="shop.example";proto=https'})
    )
    return INSIDE + url.removeprefix("https://shop.example"), headers | said


def host_hidden(url, headers, chance):
    return url.replace("shop.example", "inside"), headers | {
        chance.choice(("Host", "X-Forwarded-Host")): "shop.example"
    }


def prefix_taken(url, headers, chance):
    said = {"X-Forwarded-Prefix": "/hooks/"} if chance.random() < 0.5 else {"X-Original-URI": "/hooks/a?b=1&c=x%20y"}
    return url.replace("/hooks", ""), headers | said


def at_the_url(change):
    return lambda url, headers, chance: (change(url), headers)


def reordered(url):
    before, _, query = url.partition("?")
    return before + "?" + "&".join(sorted(query.split("&")))


#: The URL that is signed, and what becomes of it and of the headers.
ADDRESS = {
    "url-scheme": (URL, at_the_url(lambda u: u.replace("https:", "http:"))),
    "url-port": (URL, at_the_url(lambda u: u.replace("example/", "example:443/"))),
    "url-host": (URL, host_hidden),
    "url-proxy": (URL, behind_proxy),
    "url-relative": (URL, lambda u, h, c: (u.removeprefix("https://shop.example"), h | {"Host": "shop.example"})),
    "url-case": (URL, at_the_url(lambda u: u.replace("shop", "Shop"))),
    "url-prefix": (URL, prefix_taken),
    "url-prefix-added": (URL, at_the_url(lambda u: u.replace("/hooks", "/app/hooks"))),
    "url-path": (URL, lambda u, h, c: (u.replace("/hooks/a", "/index.php"), h | {"X-Original-URL": "/hooks/a?b=1"})),
    "url-slash": (URL, at_the_url(lambda u: u.replace("/a?", "/a/?"))),
    "url-double-slash": (URL, at_the_url(lambda u: u.replace("/hooks", "//hooks"))),
    "url-question-mark": (BARE, at_the_url(lambda u: u + "?")),
    "url-query-lost": (BARE + "?b=1", lambda u, h, c: (BARE, h | {"X-Forwarded-Uri": u.removeprefix("https://shop.example")})),
    "url-query-added": (BARE, at_the_url(lambda u: u + "?utm=1")),
    "url-query-order": (BARE + "?d=4&b=1&c=2&a=5", at_the_url(reordered)),
    "url-encoding": (
        BARE + "?b=x%20y%2Fz",
        lambda u, h, c: (
            c.choice((urllib.parse.unquote, lambda u: u.replace("%20", "+"), lambda u: u.replace("%2F", "/")))(u), h,
        ),
    ),
    "url-fragment": (URL, at_the_url(lambda u: u + "#top")),
    "url-space": (URL, lambda u, h, c: (c.choice(("{}\n", " {}", '"{}"')).format(u), h)),
}  # fmt: skip


def address_changed(name):
    def happens(delivery, chance):
        if "url" not in delivery.dialect.places:
            return None
        url, headers = ADDRESS[name][1](delivery.url, delivery.headers, chance)
        return delivery._replace(url=url, headers=headers)

    return happens


def another_method(delivery, chance):
    if "method" not in delivery.dialect.places:
        return None
    return delivery._replace(method=chance.choice(("post", "GET", "PUT")))


HAPPENS |= {name: address_changed(name) for name in ADDRESS} | {"method-other": another_method}
ALL = (*BODY, *HAPPENS, *SENT)


def original_body(chance, *names):
    """The body that `mistaken` begins with."""
    usual = message_form if getattr(chance, "url", "") and (chance.url == BARE or chance.random() < 0.6) else json_body
    return ([BODY[name][0] for name in names if name in BODY] or [usual])[0](chance)


def chance_of(seed, dialect, *names):
    """Chance for `mistaken`, which is the same again for its original body."""
    urls = [ADDRESS[name][0] for name in names if name in ADDRESS and "url" in dialect.places]
    return Chance(seed, dialect, *urls[:1])


def mistaken(dialect, chance, *names):
    """A delivery with these mistakes; None if it cannot have them, or if they leave nothing behind."""
    senders = [SENT[name] for name in names if name in SENT]
    if names == ("milliseconds",) and dialect.time_format == "seconds" and chance.random() < 0.5:
        delivery = SENT_IN_MILLISECONDS(dialect, json_body(chance), chance)
        return delivery if delivery and not delivery.accepted() else None
    if len(senders) > 1:
        return None
    delivery = (*senders, deliver)[0](dialect, original_body(chance, *names), chance)
    if not senders and not delivery.accepted():
        return None
    for name in names:
        if delivery and name in HAPPENS:
            delivery = HAPPENS[name](delivery, chance)
        elif delivery and name in BODY:
            try:
                delivery = delivery._replace(body=BODY[name][1](delivery.body))
            except (ValueError, AttributeError, TypeError):  # that body cannot have it
                return None
    return delivery if delivery and not delivery.accepted() else None


# --- Each mistake -------------------------------------------------------------------------------------------


def names_of(diagnosis):
    """Pairs of an axis and the set of the names that the finding goes by."""
    return [(finding.axis, {finding.name, *finding.also}) for finding in diagnosis.findings]


def test_every_mistake_that_the_doctor_knows_is_made_here():
    assert set(ALL) == set(MISTAKES) - {"rewritten"}


#: How many mistakes each of these can have, at least; the others can have 40.
FEWER = {"Mailgun": 10}


def look_for_each(dialect, cases):
    asked, missed = Counter(), Counter()
    for name in ALL:
        for case in range(cases):
            delivery = mistaken(dialect, chance_of(f"{dialect.name} {name} {case}", dialect, name), name)
            if delivery is None:
                continue
            asked[name] += 1
            found = names_of(delivery.diagnose())
            if not (len(found) == 1 and name in found[0][1] and found[0][0] == MISTAKES[name].axis):
                missed[name] += 1
    print(f"{dialect.name}: {sum(asked.values())} with {len(asked)} mistakes; missed: {dict(missed)}")
    assert len(asked) >= FEWER.get(dialect.name, 40)
    assert sum(missed.values()) <= sum(asked.values()) / 100, missed


@pytest.mark.parametrize("dialect", EVERY, ids=lambda d: d.name)
def test_each_mistake_is_found_by_its_name(dialect):
    look_for_each(dialect, cases=1)


@pytest.mark.thorough
@pytest.mark.parametrize("dialect", EVERY, ids=lambda d: d.name)
def test_each_mistake_is_found_by_its_name_whatever_the_delivery(dialect):
    look_for_each(dialect, CASES if dialect in HMAC else CASES // 2)  # the others take ten times as long


# --- Two at once --------------------------------------------------------------------------------------------

#: What two mistakes on one axis come to together: exactly what one other does.
TOGETHER = {
    ("prefix-missing", "secret-without-prefix"): "secret-whole",
    ("prefix-doubled", "secret-whole"): "secret-without-prefix",
    ("form-decoded", "form-read-as-latin1"): "form-plus",
    ("form-decoded", "form-made-latin1"): "form-plus",
    ("form-decoded", "json-as-form"): "form-plus",
}


AT_THE_ORIGIN = {"url-scheme", "url-port", "url-host", "url-case", "url-proxy", "url-relative"}


def done_by(names, delivery, body):
    """The names that are no lie: of the mistakes made, and of those that would have left exactly the same."""
    true = {*names, TOGETHER.get(names)}
    if len(AT_THE_ORIGIN & set(names)) == 2:
        true.add("url-proxy")
    if "url-prefix" in names and ADDRESS.keys() > set(names):
        true.add("url-path")  # the header that tells of one tells of the other
    if any(name.startswith("rewritten") for name in names):
        true.add("rewritten")
    if "form-rewritten" in names and body.startswith(b"{"):
        true.add("json-as-form")
    for name, (_, change) in BODY.items():
        try:
            if change(body) == delivery.body:
                true.add(name)
        except (ValueError, AttributeError, TypeError):
            continue
    return true


@pytest.fixture
def last(monkeypatch):
    """The last search that a diagnosis has made: a list of what it was asked about and of its steps."""
    kept, run = [], Search.run

    def runs(search):
        kept[:] = [search.case]
        kept.append(run(search))
        return kept[1]

    monkeypatch.setattr(Search, "run", runs)
    return kept


def is_mended(case, steps):
    """Whether `verify` takes a delivery as the doctor has mended it, whatever its age."""
    mended = steps[-1].mended if steps else case
    if mended.hash:  # `verify` knows no such HMAC
        return True
    ageless = replace(mended.dialect, max_age=None, max_ahead=None)
    return Delivery(mended.body, mended.headers, mended.secret, ageless, {}, mended.method, mended.url).accepted()


@pytest.mark.thorough
def test_of_two_mistakes_both_are_named_or_nothing_false(last):
    outcomes, untrue = Counter(), []
    for case, names in enumerate(combinations(ALL, 2)):
        dialects = EVERY if case % 120 == 0 else HMAC  # the others take ten times as long
        if any(name in ADDRESS for name in names):
            dialects = [dialect for dialect in dialects if "url" in dialect.places]
        for dialect in dialects if SOAK else [random.Random(f"{names}").choice(dialects)]:
            seed = f"{names} {dialect.name}"
            delivery = mistaken(dialect, chance_of(seed, dialect, *names), *names)
            if delivery is None:
                continue
            found = names_of(delivery.diagnose())
            true = done_by(names, delivery, original_body(chance_of(seed, dialect, *names), *names))
            if not all(true & alike for _, alike in found) or (found and not is_mended(*last)):
                untrue.append((names, dialect.name, found))
            axes = len({MISTAKES[name].axis for name in names})
            outcomes[f"{axes} axes, {len(found)} found"] += 1
    print(dict(outcomes))
    assert untrue == []
    assert outcomes["2 axes, 2 found"] > 5 * outcomes["2 axes, 0 found"] > 0
    assert sum(outcomes.values()) > 2_000


def test_a_body_that_must_be_read_is_mended_with_something_else():
    delivery = mistaken(LINEAR, Chance(21, LINEAR), "base64", "secret-space")
    assert names_of(delivery.diagnose()) == [("secret", {"secret-space"}), ("body", {"base64"})]


def test_a_lost_body_whose_hash_is_signed_is_no_other_dialect():
    delivery = deliver(TWILIO, b'{"a":1}', Chance(22, TWILIO))
    assert not delivery._replace(body=b"").diagnose().findings


def test_lost_milliseconds_are_found_whatever_they_were():
    pair = key_pair(HUBSPOT, random.Random(23))
    delivery = send_with(HUBSPOT, b"{}", Chance(23, HUBSPOT), pair, at=NOW + 0.617)
    delivery = delivery.with_header(HUBSPOT.timestamp, lambda stamp: stamp[:-3])
    assert names_of(delivery.diagnose()) == [("time", {"milliseconds-lost"})]


def test_a_pair_is_named_only_where_neither_alone_fits():
    delivery = mistaken(GITHUB, random.Random(2), "rewritten-python", "secret-space")
    assert [axis for axis, _ in names_of(delivery.diagnose())] == ["secret", "body"]
    bare = delivery._replace(secret=delivery.secret.strip())
    assert [axis for axis, _ in names_of(bare.diagnose())] == ["body"]


def test_what_is_kept_and_asked_about_later_is_too_old_as_well():
    delivery = mistaken(SLACK, random.Random(2), "newline-added", "secret-quotes")
    found = delivery.diagnose(SimulatedClock(start=NOW + 1_000)).findings
    assert [f.axis for f in found] == ["secret", "body", "time"]
    assert found[-1].name == "too-old" and "1000 s ago" in found[-1].words


# --- Nothing false ------------------------------------------------------------------------------------------

LIES = re.compile("valid|verified|verifies")


@pytest.mark.parametrize("dialect", EVERY, ids=lambda d: d.name)
def test_a_genuine_delivery_has_nothing_to_mend(dialect):
    delivery = deliver(dialect, json_body(Chance(3, dialect)), Chance(4, dialect))
    diagnosis = delivery.diagnose()
    assert diagnosis.ok and not (diagnosis.findings or diagnosis.suspected or diagnosis.ruled_out)
    assert str(diagnosis) == "It verifies; nothing to mend."


def forged_inside(delivery):
    """Another signature where it stands in the body."""
    return delivery._replace(body=re.sub(rb"[0-9a-f]{64}", b"5" * 64, delivery.body))


@pytest.mark.thorough
def test_no_forgery_has_a_cause():
    # Signed by somebody else, with a signature made up, or with another body: some 2,000, and with SOAK=1 some 7,000.
    count, each = 0, {d: 500 if SOAK else 100 for d in MORE_DIALECTS}
    each |= {d: (250 if SOAK else 150) if d in HMAC else (52 if SOAK else 15) for d in DIALECTS}
    for dialect in [d for d in EVERY for _ in range(each[d])]:
        chance = Chance(f"forgery {count}", dialect)
        kind = count % 20
        body = (
            json_body(chance)
            if kind == 0 or chance.fields
            else chance.randbytes(60)
            if kind < 12
            else b'{"n":%d}' % count
        )
        delivery = deliver(dialect, body, chance)
        if count % 3 == 0:
            delivery = delivery._replace(secret=key_pair(dialect, chance)[1])
        elif count % 3 == 1:
            made = chance.randbytes(32 if dialect in HMAC else 64)
            bare = made.hex() if dialect.encoding == "hex" else base64.b64encode(made).decode()
            delivery = spelled(lambda _, bare=bare: bare)(delivery, chance) or forged_inside(delivery)
        else:
            delivery = forged_inside(delivery) if dialect is MAILGUN else delivery._replace(body=body + b"!")
        diagnosis = delivery.diagnose()
        assert not diagnosis.ok and not diagnosis.findings, (dialect.name, diagnosis)
        assert diagnosis.ruled_out or not diagnosis.computations  # what cannot be read is not tried
        assert "No cause was found" in str(diagnosis)
        assert not LIES.search(str(diagnosis) + json.dumps(diagnosis.as_dict()))
        count += 1
    assert count == sum(each.values())


def test_no_words_say_that_it_is_genuine():
    for words in [m.words for m in MISTAKES.values()] + [line for c in CURES.values() for line in c.values()]:
        assert not LIES.search(words)


# --- Bounds -------------------------------------------------------------------------------------------------


@pytest.fixture
def computed(monkeypatch):
    """How many bytes each signature that is computed signs, a list."""
    sizes = []

    def counted(function, message_at):
        def computes(*arguments):
            sizes.append(len(arguments[message_at]))
            return function(*arguments)

        return computes

    monkeypatch.setattr(hmac, "digest", counted(hmac.digest, 1))  # what each module calls
    fits = methods_of_signing.FITS
    monkeypatch.setitem(fits, "ed25519", counted(fits["ed25519"], 2))
    return sizes


def large_json(chance, size):
    text = json.dumps([an_object(chance) for _ in range(size // 200)], ensure_ascii=False)
    return text.encode()[: size // 2].rpartition(b", {")[0] + b', {"pad": "' + b"x" * (size // 2) + b'"}]'


@pytest.mark.parametrize("make", [json_body, lambda c: c.randbytes(1_000_000), lambda c: large_json(c, 1_000_000)])
@pytest.mark.parametrize("dialect", [STANDARD_WEBHOOKS, DISCORD, HUBSPOT, TWILIO, ZENDESK], ids=lambda d: d.name)
def test_no_diagnosis_computes_more_than_the_bound(dialect, make, computed):
    chance = Chance(6, dialect)
    body = make(chance)
    if dialect is not STANDARD_WEBHOOKS and body.startswith(b"["):
        body = large_json(chance, 50_000)  # to write a large one in all ways takes its time
    delivery = deliver(dialect, body, chance)
    secrets = {f"endpoint {n}": key_pair(dialect, chance)[1] for n in range(20)}
    delivery = delivery._replace(secret=key_pair(dialect, chance)[1] + "\n ", secrets=secrets)
    computed.clear()
    diagnosis = delivery.diagnose()
    assert not diagnosis.findings
    assert len(computed) <= diagnosis.computations + 1 <= MOST_COMPUTATIONS + 1  # one more is that of verify
    assert sum(computed) <= MOST_BYTES + 2_000 * len(computed) + len(delivery.body)
    assert len(computed) > 20


def test_reading_a_body_counts_as_well_where_a_dialect_reads_it(monkeypatch):
    sizes, read = [], search_of_the_doctor.read
    monkeypatch.setattr(search_of_the_doctor, "read", lambda case: sizes.append(len(case.body)) or read(case))
    monkeypatch.setattr(search_of_the_doctor, "MOST_BYTES", 2_000_000)
    delivery = deliver(TWILIO, b"a=" + b"x" * 90_000, Chance(20, TWILIO))._replace(secret="another")
    diagnosis = delivery.diagnose()
    assert not diagnosis.complete and not diagnosis.findings and len(sizes) > 5 and sum(sizes) <= 2_000_000


def test_what_was_not_tried_is_not_ruled_out(monkeypatch):
    delivery = mistaken(GITHUB, random.Random(7), "rewritten-python")
    for bound in (0, 1, 5):
        monkeypatch.setattr(search_of_the_doctor, "MOST_COMPUTATIONS", bound)
        diagnosis = delivery.diagnose()
        assert not diagnosis.complete and not diagnosis.findings and diagnosis.computations <= bound
        assert "rewritten-python" not in diagnosis.ruled_out
        assert f"Not everything was tried: {diagnosis.computations} signatures" in str(diagnosis)


@pytest.mark.parametrize("name", ["rewritten-python", "rewritten-javascript", "newline-lost", "secret-space"])
def test_a_large_body_is_diagnosed_too(name):
    body = large_json(random.Random(8), 1_000_000)
    made = {"rewritten-python": json.dumps(json.loads(body)).encode(), "newline-lost": body}.get(name, body)
    if name == "rewritten-javascript":
        made = STYLES["compact"](whole(json.loads(body))).encode()
    delivery = deliver(STANDARD_WEBHOOKS, body + b"\n" * (name == "newline-lost"), random.Random(9))
    delivery = delivery._replace(body=made, secret=delivery.secret + "\n" * (name == "secret-space"))
    [(_, names)] = names_of(delivery.diagnose()) or [("", {"nothing"})]
    assert name in names or name == "rewritten-javascript"  # 10 for 10.0 in a large body is not tried


def test_what_unpacks_to_too_much_is_left_packed():
    bomb = gzip.compress(b"0" * 50_000_000)
    delivery = deliver(GITHUB, b"0" * 50_000_000, random.Random(10))._replace(body=bomb)
    assert not delivery.diagnose().findings


# --- Secrets ------------------------------------------------------------------------------------------------


@given(st.data())
@SETTINGS
def test_no_secret_is_in_anything_that_the_doctor_says(data):
    dialect = data.draw(st.sampled_from(EVERY))
    names = data.draw(st.lists(st.sampled_from(ALL), max_size=2, unique=True))
    chance = chance_of(data.draw(st.integers()), dialect, *names)
    delivery = mistaken(dialect, chance, *names)
    if delivery is None:
        return
    handed = [delivery.secret] if isinstance(delivery.secret, str) else delivery.secret
    hidden = [*handed, *delivery.secrets.values()]
    diagnosis = delivery.diagnose()
    shown = [
        str(diagnosis),
        repr(diagnosis),
        diagnosis._repr_html_(),
        json.dumps(diagnosis.as_dict()),
        repr(vars(diagnosis)),
    ]
    for secret in hidden:
        kernels = {secret.strip(), *re.findall("[A-Za-z0-9+/=_-]{12,}", secret.replace("whsec_", ""))}
        for kernel in filter(None, kernels):
            for length in (len(kernel), 12):
                assert all(kernel[:length] not in text for text in shown if len(kernel[:length]) > 6)


@pytest.mark.parametrize(
    ("arguments", "secrets", "error"),
    [
        (("text", {}, "kept-to-yourself"), None, TypeError),
        ((b"", 5, "kept-to-yourself"), None, TypeError),
        ((b"", {}, b"kept-to-yourself"), None, TypeError),
        ((b"", {}, ["kept-to-yourself", 5]), None, TypeError),
        ((b"", {}, []), {"a": "kept-to-yourself"}, ValueError),
        ((b"", {}, "kept-to-yourself"), ["kept-to-yourself"], TypeError),
        ((b"", {}, "kept-to-yourself"), {"a": b"kept-to-yourself"}, TypeError),
        ((b"", {}, "kept-to-yourself"), {"a": []}, ValueError),
    ],
)
def test_an_argument_that_is_none_is_our_mistake_and_shows_no_secret(arguments, secrets, error):
    with pytest.raises(error) as mistake:
        diagnose(*arguments, secrets=secrets)
    shown = traceback.TracebackException.from_exception(mistake.value, capture_locals=False)
    assert "kept-to-yourself" not in str(mistake.value) and str(mistake.value).endswith(".")
    assert "kept-to-yourself" not in "".join(line for line in shown.format_exception_only())


def test_what_the_doctor_works_on_shows_no_secret_in_a_traceback():
    case = _case(BODY_OF_A_TEST, {}, "kept-to-yourself", GITHUB, {"old": "kept-as-well"}, "", "")
    assert "kept" not in repr(case) + str(case) + f"{Search(case)!r}"


BODY_OF_A_TEST = b'{"type":"order.paid"}'

# --- Whatever arrives ---------------------------------------------------------------------------------------

ODD = st.one_of(
    st.text(max_size=40),
    st.binary(max_size=40),
    st.none(),
    st.integers(),
    st.lists(st.text(max_size=5), max_size=2),
    st.sampled_from(
        ["v1,", "t=,v1=", "sha256=", f"{NOW}", "1e999", "2026-13-45", "9" * 5_000, "\ud800", "t=1,t=2,v1="]
    ),
)
NAMES = st.sampled_from(
    ["webhook-id", "Webhook-Timestamp", "webhook-signature", "X-Hub-Signature", "X-Hub-Signature-256", "Date",
     "X-Twilio-Signature", "X-HubSpot-Signature-v3", "X-HubSpot-Request-Timestamp", "Twitch-Eventsub-Message-Timestamp",
     "X-DocuSign-Signature-1", "Host", "X-Forwarded-Host", "Forwarded", "X-Original-URI", "Content-Type",
     "Stripe-Signature", "Content-Length", "Content-Encoding", b"webhook-id", "HTTP_WEBHOOK_ID", 5]
)  # fmt: skip
AWKWARD = [
    b"", b'"', b"{", b"[" * 100_000, b'{"a":' * 5_000, b"[]", b"{}", b"[1e999]", b"[NaN]", b"[" + b"9" * 9_999 + b"]",
    b"b'", b"b'\\'", b"{'a': 1_0}", b"'" * 999, b"a=%", b"=", b"&=", b"\x1f\x8b", b"\xff\xfe", b'["\\ud800"]',
    b'{"type":"Buffer","data":[256]}', b'{"type":"Buffer"}', b'{"\\u0000": 1}', b'"\\u00001"', b"-" * 9,
]  # fmt: skip
URLS = st.one_of(
    st.text(min_size=1, max_size=30),
    st.sampled_from(["https://[", "http://a:99999/%zz?&&=", "//", "/", "https://a.example/?a=1&a=1#", "x" * 9_000]),
    st.from_regex(r"\Ahttps?://[a-z.]{1,9}(:[0-9]{1,6})?/[ -~]{0,20}\Z"),
)
BODIES = st.one_of(
    st.binary(max_size=60),
    st.text(max_size=60).map(lambda text: text.encode(errors="surrogatepass")),
    st.sampled_from(AWKWARD),
)


@given(BODIES, st.dictionaries(NAMES, ODD, max_size=5), st.sampled_from(EVERY), st.text(max_size=30), URLS)
@settings(SETTINGS, max_examples=100)
def test_whatever_arrives_gives_a_diagnosis(body, headers, dialect, secret, url):
    diagnosis = diagnose(
        body, headers, secret, dialect, clock=CLOCK, secrets={"other": "x" + secret}, method="POST", url=url
    )
    assert not diagnosis.ok and not diagnosis.findings
    assert str(diagnosis).isprintable() or "\n" in str(diagnosis)
    assert json.loads(json.dumps(diagnosis.as_dict()))["ok"] is False


@given(BODIES)
@settings(SETTINGS, max_examples=100)
def test_whatever_is_signed_and_what_becomes_of_it_gives_a_diagnosis(body):
    headers = sign(body, "made up", GITHUB)
    for arrived in (body + b"\n", b"", body[:-1], body.lower()):
        diagnosis = diagnose(arrived, headers, "made up", GITHUB)
        assert diagnosis.ok == (arrived == body)
        if arrived == body + b"\n":
            assert "newline-added" in names_of(diagnosis)[0][1]


# --- Suspicions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"body": b""}, "The body is empty"),
        ({"body": '{"name":"Zo\ufffd"}'.encode()}, "U+FFFD"),
        ({"body": b'{"name":"Zo?e"}'}, "has a ? in the middle"),
        ({"body": b"[object Object]"}, "[object Object]"),
        ({"body": b'{"a":1,"b":2,"c":3}'}, "alphabetical order"),
        ({"body": b'{"id":12345678901234567000}'}, "JavaScript rounds"),
        ({"body": b'{"livemode":false}'}, "of the test mode"),
        ({"body": b'{"livemode":true}'}, "of the live mode"),
        ({"body": b'{"type":"order'}, "Content-Length says 21 bytes, and the body has 14"),
        ({"secret": "sk_test_made_up"}, "another kind of key"),
        ({"secret": "whsec_…made"}, "placeholder"),
        ({"secret": " "}, "The secret is empty"),
        ({"headers": {}}, "The header X-Hub-Signature-256 is missing"),
        ({"headers": {"X-Hub-Signature-256": "sha256=" + "0" * 64, "Content-Encoding": "br"}}, "came compressed"),
        ({"headers": {}, "dialect": STRIPE}, "The header Stripe-Signature is missing"),
        ({"headers": {"Stripe-Signature": "v1=" + "0" * 64}, "dialect": STRIPE}, "holds no t="),
        ({"secret": "made up", "dialect": STANDARD_WEBHOOKS}, "Standard Webhooks wants base64, after 'whsec_'"),
    ],
)  # fmt: skip
def test_what_cannot_be_undone_is_suspected_by_the_sign_that_it_leaves(change, words):
    headers = {"X-Hub-Signature-256": "sha256=" + "0" * 64, "Content-Length": "21"}
    delivery = Delivery(BODY_OF_A_TEST, headers, "made up", GITHUB, {})._replace(**change)
    diagnosis = delivery.diagnose()
    assert any(words in sentence for sentence in diagnosis.suspected), diagnosis.suspected
    assert not diagnosis.ok and not diagnosis.findings
    found, _, suspected = str(diagnosis).partition("none of it is proven")
    assert words in suspected and words not in found


@pytest.mark.parametrize(
    ("dialect", "url", "words"),
    [
        (SQUARE, "http://10.0.0.7/a", "the one behind your proxy"),
        (SQUARE, "/hooks/a", "the one behind your proxy"),
        (SQUARE, "shop.example", "is no URL"),
        (GITHUB, "", "X-Twilio-Signature is Twilio's, which signs more: hand over url= to have it tried."),
        (GITHUB, "", "HubSpot's, which signs more: hand over method= and url= to"),
        (TWILIO, URL, "The URL holds no bodySHA256"),
        (MAILGUN, "", "No cause"),
    ],
)
def test_a_url_that_cannot_be_mended_is_suspected_by_its_sign(dialect, url, words):
    headers = {"X-Twilio-Signature": "a", "X-HubSpot-Signature-v3": "b"}
    diagnosis = diagnose(b'{"a":1}', headers, "made up", dialect, url=url)
    assert words in str(diagnosis) and not diagnosis.findings
    assert "json:" not in str(diagnosis)


def test_what_is_signed_and_was_not_handed_over_is_our_mistake():
    for dialect in (TWILIO, HUBSPOT):
        with pytest.raises(ValueError, match="hand over"):
            diagnose(b"", {}, "made up", dialect)


def test_of_a_url_that_was_mended_only_its_origin_is_shown():
    delivery = mistaken(SQUARE, Chance(17, SQUARE, "https://shop.example/hooks/a?token=hidden"), "url-proxy")
    assert "begins https://shop.example." in str(delivery.diagnose()) and "hidden" not in str(delivery.diagnose())


@pytest.mark.parametrize(
    ("dialect", "signed", "given", "name"),
    [
        (SQUARE, "http://shop.example/a", "https://shop.example/a", "url-scheme"),
        (HUBSPOT, "https://a.example/x%7Ey/b:c?d=e%25", "https://a.example/x%7Ey/b%3Ac?d=e%25", "url-encoding"),
        (TWILIO, "https://a.example:443/a", "https://a.example/a", "url-port"),
        (SQUARE, "https://a.example/a%2fb", "https://a.example/a%2Fb", "url-encoding"),
    ],
)
def test_what_else_is_signed_of_a_url_is_found(dialect, signed, given, name):
    body = message_form(random.Random(19))
    delivery = deliver(dialect, body, Chance(19, dialect, signed))._replace(url=given)
    assert names_of(delivery.diagnose()) == [("url", {name})]


def test_a_url_that_is_not_signed_is_neither_mended_nor_ruled_out():
    diagnosis = diagnose(b"{}", {"X-Hub-Signature-256": "sha256=" + "0" * 64}, "made up", GITHUB, url=URL)
    assert diagnosis.ruled_out and not any(name.startswith("url-") for name in diagnosis.ruled_out)


def test_a_url_is_mended_at_both_ends():
    delivery = mistaken(SQUARE, chance_of(18, SQUARE, "url-proxy"), "url-proxy", "url-slash")
    assert names_of(delivery.diagnose()) == [("url", {"url-proxy"}), ("url", {"url-slash"})]


def test_an_ordinary_forgery_raises_no_suspicion():
    headers = {"X-Hub-Signature-256": "sha256=" + "0" * 64, "Content-Length": "21"}
    diagnosis = diagnose(BODY_OF_A_TEST, headers, "made up", GITHUB)
    assert diagnosis.suspected == () and diagnosis.reason == "no_match"


def test_what_was_found_is_not_suspected():
    delivery = mistaken(GITHUB, random.Random(11), "newline-added")
    assert delivery._replace(headers=delivery.headers | {"Content-Length": "1"}).diagnose().suspected == ()


# --- What it says -------------------------------------------------------------------------------------------


def test_every_mistake_has_words_a_cure_for_each_framework_and_a_lesson():
    for name, mistake in MISTAKES.items():
        assert mistake.words.endswith((".", "…")) and tuple(CURES[mistake.cure]) == FRAMEWORKS, name
        assert LESSONS[mistake.axis].startswith("lesson ")
    assert set(CURES) == {mistake.cure for mistake in MISTAKES.values()}


def test_a_finding_says_what_happened_and_what_to_do():
    delivery = mistaken(GITHUB, random.Random(12), "rewritten-javascript-indented")
    [finding] = delivery.diagnose().findings
    assert finding.words.startswith(
        "The body was parsed as JSON and written again. It looks like JavaScript's JSON.str"
    )
    assert "What differs: " in finding.words
    assert "express.raw" in finding.cure["Express"] and "get_data" in finding.cure["Flask"]
    text = str(delivery.diagnose())
    assert text.startswith("Refused (no_match). Found:\n") and finding.words in text and finding.lesson in text


def test_equal_mistakes_are_named_together():
    delivery = deliver(GITHUB, b'{"a":1}\n', random.Random(13))._replace(body=b'{"a":1}')
    [(_, names)] = names_of(delivery.diagnose())
    assert names >= {"newline-lost", "rewritten-javascript", "rewritten-ruby", "rewritten-python-compact"}
    assert "rewritten-python" not in names and "rewritten" not in names


def test_the_names_of_other_secrets_are_shown_and_escaped():
    delivery = mistaken(SHOPIFY, random.Random(14), "another")
    delivery = delivery._replace(secrets={"<old>\x1b": delivery.secrets["old"], "twin": delivery.secrets["old"]})
    diagnosis = delivery.diagnose()
    assert "'<old>␛' or 'twin'" in str(diagnosis)
    assert "&lt;old&gt;" in diagnosis._repr_html_() and "<old>" not in diagnosis._repr_html_()


def test_a_diagnosis_is_data_too():
    data = mistaken(STRIPE, random.Random(15), "uppercase-hex").diagnose().as_dict()
    assert data["ok"] is False and data["reason"] == "no_match" and data["findings"][0]["name"] == "uppercase-hex"
    assert set(data["findings"][0]["cure"]) == set(FRAMEWORKS)


def test_the_differences_are_named():
    for one, other, words in [
        (b'{"a":1}', b'{"a": 1}', ["spaces"]),
        ('{"a":"ë"}'.encode(), b'{"a":"\\u00eb"}', ["escapes"]),
        (b'{"a":1.0}', b'{"a":1}', ["number form"]),
        (b'{"b":1,"a":1}', b'{"a":1,"b":1}', ["key order"]),
        (b'{"b":1.0,"a":"/"}', b'{"a": "\\/", "b": 1}', ["escapes", "spaces", "number form", "key order"]),
    ]:
        assert differences(one, other) == words


@pytest.mark.node
def test_javascript_writes_json_as_the_doctor_says():
    node = shutil.which("node")
    if not node:
        assert not os.environ.get("CI"), "Node is missing"
        pytest.skip("Node is missing")
    bodies = [json_body(random.Random(n), "rewritten-javascript").decode() for n in range(200)]
    bodies += [
        '{"b":1,"10":1,"2":1,"01":1}',
        "[1e21,1e-7,-0,-0.0,1.50,123456789012345678901,5e-324,1e999]",
        '["\\u2028\\u007f"]',
    ]
    code = """
        const written = (text, indent) => JSON.stringify(JSON.parse(text), null, indent)
        const bodies = JSON.parse(require("fs").readFileSync(0))
        process.stdout.write(JSON.stringify(bodies.map(text => [written(text), written(text, 2)])))
    """
    done = subprocess.run([node, "-e", code], input=json.dumps(bodies).encode(), capture_output=True, check=True)
    for body, theirs in zip(bodies, json.loads(done.stdout), strict=True):
        ours = [
            WRITERS[name].write(body.encode()).decode()
            for name in ("rewritten-javascript", "rewritten-javascript-indented")
        ]
        assert ours == theirs


def test_only_what_was_tried_is_ruled_out():
    chance = random.Random(16)
    delivery = deliver(GITHUB, b'{"type":"order.paid"}', chance)._replace(secret="somebody else's", secrets={})
    ruled_out = delivery.diagnose().ruled_out
    assert {"newline-lost", "rewritten-python", "rewritten"} <= set(ruled_out) and "another" not in ruled_out
    assert not {"compressed", "form-rewritten", "milliseconds", "plus-lost", "secret-quotes"} & set(ruled_out)
    assert "another" in delivery._replace(secrets={"old": "another one"}).diagnose().ruled_out
