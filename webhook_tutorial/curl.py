"""A request as a command for a terminal that sends it again, written for a POSIX shell."""

import re
import shlex
from urllib.parse import urlsplit

from .look import masked_url, visible

#: A body with this many times the same byte in a row is written as a program that makes it, from this length on.
_RUN, _LONG = 100, 2_000


def curl(method, url, headers, body=b""):
    """Return the command.

    Args:
        url: The whole URL; a user, a password and secret parameters in it are masked.
        headers: Pairs, as they are to be shown. Those that curl makes itself are left out by whoever calls.
        body: Bytes. A binary one, and one of very many equal bytes, is piped into curl by another command.
    """
    words = ["curl", "-i"]
    if set(url) & set("[]{}"):
        words.append("--globoff")
    if "/." in urlsplit(url).path:
        words.append("--path-as-is")
    if method != ("POST" if body else "GET"):
        words += ["-I"] if method == "HEAD" else ["-X", visible(method)]
    for name, value in headers:
        # An empty value needs a semicolon: "Name:" would tell curl to leave the header out.
        words += ["-H", visible(f"{name}: {value}" if value else f"{name};")]
    if body and not any(name.lower() == "content-type" for name, _ in headers):
        words += ["-H", "Content-Type:"]
    pipe = ""
    if body:
        if len(body) > _LONG and (program := _program(body)):
            pipe = f"python3 -c {shlex.quote(program)} | "
        elif not _is_text(body):
            pipe = "printf '" + "".join(f"\\{byte:03o}" for byte in body) + "' | "
        words += ["--data-binary", "@-"] if pipe else ["--data-raw", body.decode()]
    return pipe + shlex.join([*words, visible(masked_url(url))])


def _is_text(body):
    """Whether a shell's word can hold it, which no NUL can, and a terminal show it, which shows nothing that acts."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return False
    plain = text.replace("\n", "").replace("\t", "")
    return visible(plain) == plain


def as_python(body):
    """Return an expression of Python for some bytes, short where one byte stands there very often in a row.

    It holds no single quote, so a shell's word can hold it.
    """
    parts, end = [], 0
    for run in re.finditer(rb"(.)\1{%d,}" % (_RUN - 1), body, re.DOTALL):
        parts += [_literal(body[end : run.start()])] if run.start() > end else []
        parts.append(f"{_literal(run[1])} * {len(run[0])}")
        end = run.end()
    parts += [_literal(body[end:])] if end < len(body) or not parts else []
    return " + ".join(parts)


def _literal(data):
    """Bytes as Python writes them, without the quote that a shell's word stands in."""
    written = {0x22: '\\"', 0x5C: r"\\", 0x0A: r"\n", 0x0D: r"\r", 0x27: r"\x27"}
    return 'b"' + "".join(written.get(c) or (chr(c) if 0x20 <= c < 0x7F else f"\\x{c:02x}") for c in data) + '"'


def _program(body):
    """A program that writes the body, or nothing where that would be no shorter."""
    expression = as_python(body)
    return f"import sys; sys.stdout.buffer.write({expression})" if len(expression) < len(body) / 2 else ""
