"""The mistakes that the doctor knows: for each its axis, a sentence that says what happened, and its cure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mistake:
    """A mistake: where it is made, what happened, and the name of its cure.

    In ``words``, {others} stands for the names that you gave the secret in ``secrets``, {dialect} for the dialect that
    fits, {signed} for what that one signs, and {method}, {scheme}, {port}, {host} and {origin} for what is signed of
    the request. Of a URL no more is shown: its path and its query may hold a secret.
    """

    axis: str
    words: str
    cure: str


def _body(words, cure="raw"):
    return Mistake("body", words, cure)


def _secret(words, cure="strip"):
    return Mistake("secret", words, cure)


def _dialect(words, cure="encoding"):
    return Mistake("dialect", words, cure)


def _url(words, cure="address"):
    return Mistake("url", words, cure)


#: Who writes JSON, by the mistake's name; see `WRITERS`.
WRITTEN_BY = {
    "rewritten-python": "Python's json.dumps",
    "rewritten-python-compact": "Python's json.dumps with separators=(',', ':')",
    "rewritten-python-sorted": "Python's json.dumps with sort_keys=True",
    "rewritten-flask": "Flask's jsonify",
    "rewritten-javascript": "JavaScript's JSON.stringify",
    "rewritten-javascript-indented": "JavaScript's JSON.stringify with an indent of 2",
    "rewritten-go": "Go's json.Marshal",
    "rewritten-php": "PHP's json_encode",
    "rewritten-ruby": "Ruby's JSON.generate",
    "rewritten-rails": "Rails' to_json",
    "rewritten-dotnet": ".NET's System.Text.Json",
}
_REWRITTEN = _body("The body was parsed as JSON and written again.")

MISTAKES = {
    "rewritten": _REWRITTEN,
    **dict.fromkeys(WRITTEN_BY, _REWRITTEN),
    "newline-lost": _body("The newline at the body's end was lost."),
    "newline-added": _body("A newline was added at the body's end."),
    "space-around": _body("White space was added around the body."),
    "bom-lost": _body("The byte order mark at the body's beginning was lost.", "bytes"),
    "bom-added": _body("A byte order mark was added at the body's beginning.", "bytes"),
    "crlf-lost": _body("The body's lines ended in CRLF, and now end in LF."),
    "crlf-made": _body("The body's lines ended in LF, and now end in CRLF."),
    "utf8-read-as-latin1": _body("The body is UTF-8, was read as Latin-1 (Windows-1252), and written again.", "bytes"),
    "utf8-made-latin1": _body("The body was UTF-8, and was written again as Latin-1 (Windows-1252).", "bytes"),
    "utf-16": _body("The body was UTF-8, and was written again as UTF-16.", "bytes"),
    "base64": _body("The body is wrapped in base64, as an API gateway does with binary ones.", "unwrap"),
    "compressed": _body("The body is compressed, and was signed as it is without.", "unpack"),
    "json-in-json": _body("The body's text was written as a JSON string, in quotes."),
    "buffer-as-json": _body("The body is a Node Buffer that JSON.stringify has written."),
    "python-bytes": _body("The body is what str() makes of bytes in Python: b'…'."),
    "python-dict": _body("The body was parsed, and is what str() makes of a dictionary in Python."),
    "html-escaped": _body("The body was escaped for HTML: &quot; for a quote."),
    "form-rewritten": _body("The body was decoded as a form and encoded again."),
    "form-decoded": _body("The form was percent-decoded, and not encoded again."),
    "form-encoded-twice": _body("The form was percent-encoded twice."),
    "form-plus": _body("In the form + and the space were taken for each other: + against %20 and %2B."),
    "form-read-as-latin1": _body("The form's fields are UTF-8, and were read as Latin-1 (Windows-1252).", "bytes"),
    "form-made-latin1": _body("The form's fields were UTF-8, and were written as Latin-1 (Windows-1252).", "bytes"),
    "form-as-json": _body("The body was decoded as a form and written as JSON."),
    "json-as-form": _body("The body was decoded as a form although it is none, and encoded as one."),
    "secret-space": _secret("There is white space in the secret, or a newline at its end."),
    "secret-quotes": _secret("There are quotes around the secret."),
    "secret-backslash-n": _secret("The secret ends in a backslash and an n: a newline that somebody wrote out."),
    "secret-line": _secret("The secret is a whole line NAME=value; the value alone is the secret.", "secret"),
    "secret-version": _secret("A version and a comma stand before the secret, as in v1,whsec_…", "secret"),
    "prefix-missing": _secret("The secret's prefix is missing.", "secret"),
    "prefix-doubled": _secret("The secret's prefix is there twice.", "secret"),
    "plus-lost": _secret("In the secret's base64 each + became a space.", "secret"),
    "secret-urlsafe": _secret("The secret's base64 has - and _ for + and /, or lost the = at its end.", "secret"),
    "secret-whole": _secret("The key is the secret's whole text; the dialect takes another for it.", "key"),
    "secret-without-prefix": _secret("The key is the secret's text without its prefix.", "key"),
    "secret-base64": _secret("The key is the secret decoded from base64; the dialect does not decode it so.", "key"),
    "secret-hex": _secret("The key is the secret decoded from hex; the dialect does not decode it so.", "key"),
    "secret-unreadable": _secret("One of the secrets cannot be read, and another one fits.", "secret"),
    "private-key": _secret("The secret is the private key. A receiver has the public one, and nothing else.", "secret"),
    "another": _secret("It is signed with another secret of yours: {others}.", "which"),
    "another-dialect": _dialect("It is a delivery in another dialect: {dialect}.", "dialect"),
    "signature-in-hex": _dialect("The signature is in hex; the dialect reads base64."),
    "signature-in-base64": _dialect("The signature is in base64; the dialect reads hex."),
    "signature-in-base64-of-hex": _dialect("The signature is in hex, and that in base64."),
    "uppercase-hex": _dialect("The signature is in capital hex letters; the dialect reads small ones."),
    "signature-urlsafe": _dialect("The signature's base64 has - and _ for + and /, or lost the = at its end."),
    "signature-prefix": _dialect("What stands before the signature is missing, or is not what the dialect says."),
    "another-hash": _dialect("The signature is made with another hash: {hash}. Look for a header with a SHA-256."),
    "signed-otherwise": _dialect("What is signed is {signed}; the dialect says something else.", "dialect"),
    "method-other": _url("The method handed over is not the one that is signed: {method} is.", "method"),
    "url-scheme": _url("The URL is signed with {scheme}, and handed over with the other scheme."),
    "url-port": _url("The port of the URL is written in another way than it is signed: {port}."),
    "url-host": _url("The URL is signed with another host: {host}."),
    "url-proxy": _url("The URL handed over is the one behind the proxy. Signed is one that begins {origin}."),
    "url-relative": _url("Only a path was handed over. Signed is the whole URL, which begins {origin}."),
    "url-case": _url("The host's letters are capital in one place and small in the other; {host} is signed."),
    "url-prefix": _url("A proxy took away the beginning of the path, which is signed."),
    "url-prefix-added": _url("The path handed over begins with something that is not signed."),
    "url-path": _url("A proxy rewrote the path; a header holds the one that is signed."),
    "url-slash": _url("The slash at the end of the path is there in one of the two, and missing in the other."),
    "url-double-slash": _url("Where two pieces of the URL were put together a slash stands twice."),
    "url-question-mark": _url("There is no query; the ? before it stands in one of the two URLs only."),
    "url-query-lost": _url("The URL's query, or a part of it, was left out, and is signed."),
    "url-query-added": _url("The URL is signed without the query that was handed over with it."),
    "url-query-order": _url("The parameters of the URL's query are signed in another order."),
    "url-encoding": _url("The URL is signed with other percent-encoding, or decoded.", "url-encoding"),
    "url-fragment": _url("The fragment of the URL, from # on, is not signed."),
    "url-space": _url("There is white space in the URL, a newline at its end, or quotes around it."),
    "header-names": Mistake("headers", "The headers have the names that CGI gives them: HTTP_… or _ for -.", "headers"),
    "header-not-text": Mistake("headers", "A header's value is bytes or a list; it must be text.", "headers"),
    "header-space": Mistake("headers", "There is white space around a header's value.", "proxy"),
    "header-quotes": Mistake("headers", "There are quotes around a header's value.", "proxy"),
    "header-folded": Mistake("headers", "A header was folded: its value goes over several lines.", "proxy"),
    "content-type": Mistake("headers", "Content-Type does not say that the body is a form, and it is one.", "proxy"),
    "header-joined": Mistake("headers", "A header came twice, and a proxy joined the two with a comma.", "proxy"),
    "header-twice": Mistake(
        "headers", "A header came twice, in names that differ in case, and the one that is not read fits.", "proxy"
    ),
    "another-header": Mistake("time", "The time that is signed stands in another header.", "dialect"),
    "time-form": Mistake("time", "The time is not written in the form that is signed.", "dialect"),
    "time-format": Mistake("time", "The time is written in another format than the dialect says.", "dialect"),
    "milliseconds-lost": Mistake("time", "The time lost its milliseconds, which are signed.", "stamp"),
    "fraction-lost": Mistake("time", "The time lost the last three digits of its fraction.", "stamp"),
    "seconds": Mistake("time", "The time is in seconds, and is read as milliseconds.", "dialect"),
    "milliseconds": Mistake("time", "The time is in milliseconds, and is read as seconds.", "milliseconds"),
    "too-old": Mistake("time", "The signature fits, but it is too old: it came late, or a clock is off.", "clock"),
    "too-new": Mistake("time", "The signature fits, but it is from the future: a clock is off.", "clock"),
}
