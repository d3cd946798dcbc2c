"""What helps against a mistake, a line for each of five frameworks, and the lesson that shows it: data."""

FRAMEWORKS = ("Flask", "Django", "FastAPI", "Express", "Rails")


def _lines(*lines):
    return dict(zip(FRAMEWORKS, lines, strict=True))


def _everywhere(line):
    return dict.fromkeys(FRAMEWORKS, line)


#: Lines by the name of a cure, then by framework. A cure that is the same everywhere says so in one line.
CURES = {
    "raw": _lines(
        "body = request.get_data()  # before request.json, and before request.form",
        "body = request.body  # before request.POST",
        "body = await request.body()",
        'app.post(path, express.raw({type: "*/*"}), handler)  // before app.use(express.json()); body = req.body',
        "body = request.raw_post",
    ),
    "bytes": _lines(
        "body = request.get_data()  # bytes: without as_text=True, without .decode()",
        "body = request.body  # bytes: without .decode()",
        "body = await request.body()  # bytes: without .decode()",
        'express.raw({type: "*/*"})  // a Buffer: hand it on without toString()',
        "body = request.raw_post.b  # bytes: without force_encoding to another character set",
    ),
    "unwrap": _everywhere(
        "undo it once, where it comes in: Lambda says isBase64Encoded; base64.b64decode(event['body']) is the raw body"
    ),
    "unpack": _lines(
        "body = gzip.decompress(request.get_data())  # if Content-Encoding is gzip, with a limit of size",
        "body = gzip.decompress(request.body)  # if Content-Encoding is gzip, with a limit of size",
        "body = gzip.decompress(await request.body())  # if Content-Encoding is gzip, with a limit of size",
        'express.raw({type: "*/*", inflate: true})  // true is the default',
        "body = ActiveSupport::Gzip.decompress(request.raw_post)  # if Content-Encoding is gzip",
    ),
    "strip": _lines(
        'secret = os.environ["WEBHOOK_SECRET"].strip()  # and mend the variable: no quotes, no newline',
        'WEBHOOK_SECRET = os.environ["WEBHOOK_SECRET"].strip()  # in settings.py; and mend the variable',
        'secret = os.environ["WEBHOOK_SECRET"].strip()  # and mend the variable: no quotes, no newline',
        "const secret = process.env.WEBHOOK_SECRET.trim()  // and mend the variable: no quotes, no newline",
        'secret = ENV.fetch("WEBHOOK_SECRET").strip  # and mend the variable: no quotes, no newline',
    ),
    "secret": _everywhere("copy the secret again, whole, from the page of this endpoint, and start the receiver again"),
    "which": _everywhere("take the secret of this endpoint and this mode (test or live); during a change take both"),
    "key": _lines(
        "Dialect(key=…, key_prefix=…): as the provider's documentation says, text, base64 or hex",
        "Dialect(key=…, key_prefix=…): as the provider's documentation says, text, base64 or hex",
        "Dialect(key=…, key_prefix=…): as the provider's documentation says, text, base64 or hex",
        'createHmac("sha256", key)  // the text itself, or Buffer.from(text, "base64") or "hex": as they say',
        'OpenSSL::HMAC.digest("SHA256", key, data)  # the text itself, Base64.decode64(text) or [text].pack("H*")',
    ),
    "dialect": _everywhere("take the dialect whose header is there; one that is not known is written as a Dialect"),
    "encoding": _lines(
        'Dialect(encoding=…): "hex" or "base64", as it arrives; prefix=… is what stands before it',
        'Dialect(encoding=…): "hex" or "base64", as it arrives; prefix=… is what stands before it',
        'Dialect(encoding=…): "hex" or "base64", as it arrives; prefix=… is what stands before it',
        '.digest("hex") or .digest("base64"), as it arrives; compare it without what stands before it',
        "OpenSSL::HMAC.hexdigest, or Base64.strict_encode64(OpenSSL::HMAC.digest(…)), as it arrives",
    ),
    "address": _lines(
        "url = PUBLIC_URL + request.full_path.rstrip('?')  # PUBLIC_URL: from your settings, as you registered it",
        "url = settings.PUBLIC_URL + request.get_full_path()  # PUBLIC_URL: as you registered it, without the path",
        'url = PUBLIC_URL + request.scope["raw_path"].decode() + (f"?{query}" if (query := request.url.query) else "")',
        "const url = PUBLIC_URL + req.originalUrl  // PUBLIC_URL: from your settings; not req.protocol, not the Host",
        'url = ENV.fetch("PUBLIC_URL") + request.original_fullpath  # not request.original_url, made of the Host',
    ),
    "url-encoding": _everywhere(
        "hand over path and query as they came, undecoded; HubSpot alone signs some characters decoded: decode those"
    ),
    "method": _lines(
        "method=request.method",
        "method=request.method",
        "method=request.method",
        "req.method  // before method-override",
        "request.request_method  # in capitals; without Rack::MethodOverride",
    ),
    "stamp": _lines(
        'stamp = request.headers["X-…"]  # the text as it came, not a number or datetime written again',
        'stamp = request.headers["X-…"]  # the text as it came, not a number or datetime written again',
        'stamp = request.headers["X-…"]  # the text as it came, not a number or datetime written again',
        'const stamp = req.get("X-…")  // the text as it came, not new Date(…) written again',
        'stamp = request.headers["X-…"]  # the text as it came, not a Time written again',
    ),
    "headers": _lines(
        "request.headers  # not request.environ",
        "request.headers  # not request.META",
        "request.headers",
        "req.headers  // not req.rawHeaders; names in small letters",
        'request.headers["X-…"]  # request.env has other names',
    ),
    "proxy": _everywhere("let the proxy hand each header on as it came: once, on one line, nothing added to it"),
    "clock": _everywhere(
        "set the receiver's clock by NTP; for a delivery that you have kept, clock= is the time at which it came"
    ),
    "milliseconds": _lines(
        "seconds = int(stamp) // 1000  # for its age; what is signed is the text as it came",
        "seconds = int(stamp) // 1000  # for its age; what is signed is the text as it came",
        "seconds = int(stamp) // 1000  # for its age; what is signed is the text as it came",
        "Date.now() - Number(stamp)  // Date.now() is in milliseconds too; sign the text as it came",
        "seconds = stamp.to_i / 1000  # for its age; what is signed is the text as it came",
    ),
}

#: Where a lesson shows it, by the axis of a mistake.
LESSONS = {
    "body": "lesson 13, It says no_match",
    "secret": "lesson 13, It says no_match",
    "dialect": "lesson 13, What is signed, and how",
    "headers": "lesson 13, Receive at your desk",
    "url": "lesson 13, A provider that signs the address",
    "time": "lesson 04, Break it: the replay",
}
