"""What a URL was for the provider that signed it, where another one is handed over."""

import hashlib
import re
from itertools import islice, permutations, product
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote

from .case import Family
from .forms import FORMS, write_form

_URL = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*))?([^?#]*)(\?[^#]*)?(#.*)?", re.DOTALL)
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]{1,255})(?::([0-9]{1,5}))?")
_PATH = re.compile(r"/[!-~]*")
#: A longer URL is not taken apart: it is written anew some hundred times.
LONGEST_URL = 2_000
_PORTS = {"http": "80", "https": "443"}

#: Headers in which a proxy says what it has changed.
HOST_HEADERS = ("X-Forwarded-Host", "X-Original-Host", "Host")
PREFIX_HEADERS = ("X-Forwarded-Prefix", "X-Script-Name")
PATH_HEADERS = ("X-Original-URI", "X-Original-URL", "X-Forwarded-Uri", "X-Envoy-Original-Path", "X-Rewrite-URL")

#: How many orders of a query are tried: those of five parameters.
MOST_ORDERS = 120
#: What HubSpot decodes in a URL before it signs.
_DECODED_BY_HUBSPOT = ":/?@!$'()*,;"


class Address(NamedTuple):
    """A URL in pieces: ``host`` without the port, ``query`` and ``fragment`` with what begins them."""

    scheme: str
    host: str
    port: str
    path: str
    query: str = ""
    fragment: str = ""

    def __str__(self):
        origin = f"{self.scheme}://{self.host}" + (f":{self.port}" if self.port else "") if self.host else ""
        return f"{origin}{self.path}{self.query}{self.fragment}"


def address_of(url):
    """The pieces of a URL; None where it is no text, is longer than any sender needs, or names no host and no path."""
    if not isinstance(url, str) or len(url) > LONGEST_URL:
        return None
    scheme, authority, path, query, fragment = (piece or "" for piece in _URL.fullmatch(url).groups())
    host = _HOST.fullmatch(authority)
    if not host and (authority or not path.startswith("/")):
        return None
    host, port = (host[1], host[2] or "") if host else ("", "")
    return Address(scheme, host, port, path, query, fragment)


def _family(part, addresses, paired=True):
    """A family of guesses from a function of a case and of its address, which yields pairs: a name and an address."""

    def guesses(case):
        if "url" not in case.dialect.places:
            return
        address, seen = address_of(case.url), {case.url}
        if address is None:
            case.work.skip(*["url-proxy"] * (len(case.url) > LONGEST_URL))
            return
        for name, other in addresses(case, address):
            url = str(other)
            if url not in seen:
                seen.add(url)
                yield name, {"url": url}

    return Family("url", guesses, paired=paired, part=part)


# --- Before the path ----------------------------------------------------------------------------------------


def _origins(case, given):
    hosts, ports = [], []
    for host, port in _hosts_said(case):
        hosts.append(host)
        ports.append(port)
    forwarded = case.header("X-Forwarded-Port").strip()
    ports.append(forwarded if re.fullmatch("[0-9]{1,5}", forwarded) else "")
    hosts = dict.fromkeys([given.host, given.host.lower(), *hosts] if given.host else hosts)
    found = []
    for scheme, host in product(("https", "http"), hosts):
        for port in dict.fromkeys([given.port, "", _PORTS[scheme], *ports]):
            other = given._replace(scheme=scheme, host=host, port=port)
            differ = [n for n in ("scheme", "host", "port") if getattr(other, n) != getattr(given, n)]
            found.append((len(differ), _origin_name(given, other, differ), other))
    for _, name, other in sorted(found, key=lambda one: one[0]):
        yield name, other


def _origin_name(given, other, differ):
    if not given.host:
        return "url-relative"
    if len(differ) != 1:
        return "url-proxy"
    return "url-case" if other.host != given.host and other.host.lower() == given.host.lower() else f"url-{differ[0]}"


def _hosts_said(case):
    """Yield hosts and ports that headers name."""
    values = [value for name in HOST_HEADERS for value in case.header(name).split(",")]
    values[:0] = re.findall(r'(?i)\bhost="?([^";,]+)', case.header("Forwarded"))
    for value in values[:8]:
        host = _HOST.fullmatch(value.strip())
        if host:
            yield host[1], host[2] or ""


def _methods(case):
    if "method" in case.dialect.places and isinstance(case.method, str):
        override = case.header("X-HTTP-Method-Override").strip()
        for method in dict.fromkeys([case.method.strip().upper(), "POST", override, "GET", "PUT", "PATCH", "DELETE"]):
            if method and method != case.method:
                yield "method-other", {"method": method}


# --- The path and what follows ------------------------------------------------------------------------------


def _paths(case, given):
    path, query = given.path, given.query
    if given.fragment:
        yield "url-fragment", given._replace(fragment="")
    yield "url-slash", given._replace(path=path.removesuffix("/") if path.endswith("/") else path + "/")
    yield "url-double-slash", given._replace(path=re.sub("//+", "/", path))
    if query.strip() in ("", "?"):
        yield "url-question-mark", given._replace(query="" if query else "?")
    else:
        yield "url-query-added", given._replace(query="")
    yield from _paths_said(case, given)
    name = case.dialect.body_hash
    if name and f"{name}=" not in query:
        field = f"{name}={hashlib.sha256(case.body).hexdigest()}"
        yield "url-query-lost", given._replace(query=f"{query}&{field}" if query else f"?{field}")
    rest = path
    for _ in range(2):
        rest = "/" + rest[1:].partition("/")[2]
        yield "url-prefix-added", given._replace(path=rest)


def _paths_said(case, given):
    """The path, or what stood before it, as a header names it."""
    for name in PREFIX_HEADERS:
        prefix = case.header(name).strip().rstrip("/")
        if _PATH.fullmatch(prefix):
            yield "url-prefix", given._replace(path=prefix + given.path)
    for name in PATH_HEADERS:
        said = address_of(case.header(name).strip())
        if said is None:
            continue
        if said.path == given.path.strip():
            yield "url-query-lost", given._replace(path=said.path, query=said.query)
        else:
            name = "url-prefix" if said.path.endswith(given.path) else "url-path"
            for query in dict.fromkeys((given.query, said.query)):
                yield name, given._replace(path=said.path, query=query)


def _encodings(case, given):
    """The same address with other percent-encoding."""
    path, query = given.path, given.query
    for change in (unquote, _decoded_as_hubspot_does, _in_capitals, _in_small_letters):
        yield "url-encoding", given._replace(path=change(path), query=change(query))
        yield "url-encoding", given._replace(query=change(query))
        yield "url-encoding", given._replace(path=change(path))
    yield "url-encoding", given._replace(query=query.replace("+", "%20"))
    yield "url-encoding", given._replace(query=query.replace("%20", "+"))
    fields = parse_qsl(query[1:], keep_blank_values=True)
    if fields:
        for (safe, space), lower in product(FORMS.values(), (False, True)):
            text = write_form(fields, safe, space, lower)
            yield "url-encoding", given._replace(query=f"?{text}")
            yield "url-encoding", given._replace(path=quote(unquote(path), "/" + safe), query=f"?{text}")
    for safe in ("/", "/:@!$&'()*+,;=~"):
        yield "url-encoding", given._replace(path=quote(unquote(path), safe))


def _decoded_as_hubspot_does(text):
    return re.sub("%[0-9A-Fa-f]{2}", lambda f: c if (c := unquote(f[0])) in _DECODED_BY_HUBSPOT else f[0], text)


def _in_capitals(text):
    return re.sub("%[0-9A-Fa-f]{2}", lambda found: found[0].upper(), text)


def _in_small_letters(text):
    return re.sub("%[0-9A-Fa-f]{2}", lambda found: found[0].lower(), text)


def _orders(case, given):
    """The query's parameters in another order."""
    fields = given.query[1:].split("&")
    if len(fields) > 1:
        for order in (sorted(fields), fields[::-1]):
            yield "url-query-order", given._replace(query="?" + "&".join(order))
        for order in islice(permutations(fields), MOST_ORDERS):
            yield "url-query-order", given._replace(query="?" + "&".join(order))


def _around(case):
    """White space or quotes around the whole, from a variable."""
    if "url" in case.dialect.places and isinstance(case.url, str):
        for url in dict.fromkeys((case.url.strip(), case.url.strip().strip("\"'"), "".join(case.url.split()))):
            if url and url != case.url:
                yield "url-space", {"url": url}


ADDRESS_FAMILIES = (
    _family("origin", _origins),
    Family("url", _methods, part="origin"),
    Family("url", _around, part="tail"),
    _family("tail", _paths),
    _family("tail", _encodings),
    _family("tail", _orders),
)
