"""Wrong answers that people really give to the exercises of lesson 04: source, and words from the message it gets."""

MISTAKES = {
    "04.verify": tuple(
        (f"import hmac, json, re\nfrom base64 import b64decode, b64encode\n{source}", words)
        for source, words in (
            ("def is_genuine(body, headers, secret, now):\n    return True", "An attack got through: a delivery without"),
            ("def is_genuine(body, headers, secret, now):\n    return False", "A genuine delivery was refused: a plain"),
            ("def is_genuine(body, headers, secret, now):\n    return 'yes'", "It returned 'yes' for a plain delivery"),
            ('''def is_genuine(body, headers, secret, now):
    text = json.dumps(json.loads(body))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{text}"
    code = hmac.digest(b64decode(secret[6:]), signed.encode(), "sha256")
    return hmac.compare_digest("v1," + b64encode(code).decode(), headers["webhook-signature"])''',
             "A genuine delivery was refused: a body with spaces"),
            ('''def is_genuine(body, headers, secret, now):
    if abs(now - int(headers["webhook-timestamp"])) > 300: return False
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    code = hmac.digest(b64decode(secret[6:]), signed, "sha256")
    return hmac.compare_digest("v1," + b64encode(code).decode(), headers["webhook-signature"])''',
             "A genuine delivery was refused: two signatures"),
            ('''def is_genuine(body, headers, secret, now):
    if abs(now - int(headers["webhook-timestamp"])) > 300: return False
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    code = b64encode(hmac.digest(b64decode(secret[6:]), signed, "sha256"))
    return any(hmac.compare_digest(b"v1," + code, g.encode()) for g in headers["webhook-signature"].split(" "))''',
             "It raised KeyError on a delivery without webhook-id"),
            ('''def is_genuine(body, headers, secret, now):
    i, t, s = (headers.get("webhook-" + n, "") for n in ("id", "timestamp", "signature"))
    if not i or not re.fullmatch("[0-9]{1,12}", t) or now - int(t) > 300: return False
    code = b64encode(hmac.digest(b64decode(secret[6:]), f"{i}.{t}.".encode() + body, "sha256"))
    return any(hmac.compare_digest(b"v1," + code, g.encode()) for g in s.split(" "))''',
             "An attack got through: a delivery from 301 s in the future"),
            ('''def is_genuine(body, headers, secret, now):
    i, t, s = (headers.get("webhook-" + n, "") for n in ("id", "timestamp", "signature"))
    if not i or not re.fullmatch("[0-9]{1,12}", t): return False
    code = b64encode(hmac.digest(b64decode(secret[6:]), f"{i}.{t}.".encode() + body, "sha256"))
    return any(hmac.compare_digest(b"v1," + code, g.encode()) for g in s.split(" "))''',
             "An attack got through: a replay after 301 s"),
            ('''def is_genuine(body, headers, secret, now):
    i, t, s = (headers.get("webhook-" + n, "") for n in ("id", "timestamp", "signature"))
    if not i or not re.fullmatch("[0-9]{1,12}", t) or abs(now - int(t)) > 300: return False
    code = b64encode(hmac.digest(b64decode(secret[6:]), f"{i}.{t}.".encode() + body, "sha256"))
    return any(hmac.compare_digest(code, g.partition(",")[2].encode()) for g in s.split(" "))''',
             "An attack got through: our signature under another version"),
            ('''def is_genuine(body, headers, secret, now):
    i, t, s = (headers.get("webhook-" + n, "") for n in ("id", "timestamp", "signature"))
    if not i or not re.fullmatch("[0-9]{1,12}", t) or abs(now - int(t)) > 300: return False
    code = b64encode(hmac.digest(b64decode(secret[6:]), f"{i}.{t}.".encode() + body, "sha256")).decode()
    return any(hmac.compare_digest("v1," + code, g) for g in s.split(" "))''',
             "It raised TypeError on a signature that is not ASCII"),
            ('''def is_genuine(body, headers, secret, now):
    i, t, s = (headers.get("webhook-" + n, "") for n in ("id", "timestamp", "signature"))
    if not i or not re.fullmatch("[0-9]{1,12}", t) or abs(now - int(t)) > 300: return False
    code = b64encode(hmac.digest(b64decode(secret[6:]), f"{i}.{t}.".encode() + body, "sha256")).decode()
    return "v1," + code in s.split(" ")''',
             "Every attack was stopped. One is not in the list"),
        )
    ),
    "04.bugs": (
        ("def receive_safely(body, headers, secret, now):\n    return 200", "3 of 5 left. A delivery without any signature"),
        ("def receive_safely(body, headers, secret, now):\n    return 401", "It returned 401 for a plain genuine"),
        ("def receive_safely(body, headers, secret, now):\n    return {'status': 'ok'}, 200", "It returned ({'status'"),
        ("def receive_safely(body, headers, secret, now):\n"
         "    return 200 if 'webhook-signature' in headers else 400", "It returned 400 in the test of no signature"),
        ("def receive_safely(body, headers, secret, now):\n"
         "    t = headers.get('webhook-timestamp', '')\n    if 'webhook-id' not in headers: return 401\n"
         "    return 200 if 'webhook-signature' in headers and t.isdigit() and abs(now - int(t)) <= 300 else 401",
         "The five are gone, and one attack is left"),
    ),
}  # fmt: skip
