"""Wrong answers that people really give to the exercises of lesson 13: source, and words from the message it gets."""

from webhook_tutorial.exercises.lesson_13 import _ANSWERS

_PADDLE = (  # right but for the limit of age
    "'hex', signature='Paddle-Signature', timestamp='ts=', signed='{timestamp}:{body}', separator=';', prefix='h1='"
)

_CAUSES = 'causes = {{"A": "{}", "B": "{}", "C": "{}", "D": "{}"}}'


def _but(**changes):
    return f"answers = {_ANSWERS | changes!r}"


_SHAKE = """import hmac
def handshake(event, secret):
    if event.get("type") == "url_verification":
        return {slack}
    if {zoom}:
        token = event["payload"]["plainToken"]
        return {{"plainToken": token, "encryptedToken": {token}}}
"""
_ZOOM = 'event.get("event") == "endpoint.url_validation"'
_HMAC = 'hmac.digest(secret.encode(), token.encode(), "sha256").hex()'


def _shake(slack='{"challenge": event["challenge"]}', zoom=_ZOOM, token=_HMAC):
    return _SHAKE.format(slack=slack, zoom=zoom, token=token)


MISTAKES = {
    "13.dialect": (
        ("def paddle():\n    return {'name': 'Paddle', 'signature': 'Paddle-Signature'}", "paddle() must return a Dialect"),
        *(
            (
                "from webhook_tutorial import Dialect\n"
                "def paddle():\n    return Dialect(name='Paddle', encoding=" + fields + ")",
                words,
            )
            for fields, words in (
                ("'hex', header='Paddle-Signature', signed='{timestamp}:{body}'", "The Dialect could not be made"),
                ("'hex', signature='Paddle-Signature', signed='{ts}:{body}'",
                 "Dialect finds a contradiction: signed must be text whose only braces"),
                ("'hex', signature='Paddle-Signature', timestamp='ts=', signed='{body}', separator=';', prefix='h1='",
                 "Dialect finds a contradiction: timestamp is 'ts=', and signed does not hold {timestamp}"),
                ("'hex', signature='Paddle-Signature', timestamp='ts=', signed='{timestamp}:{body}', prefix='h1='",
                 "Dialect finds a contradiction: timestamp 'ts=' marks an item of signature"),
                ("'hex', signature='Paddle-Signature', timestamp='ts=', signed='{timestamp}:{body}', separator=';'",
                 "Dialect finds a contradiction: prefix '' and timestamp 'ts=' begin alike"),
                ("'hex', signature='X-Signature', signed='{body}'", "The signature is looked for in another header"),
                ("'hex', signature='Paddle-Signature', timestamp='ts', signed='{timestamp}:{body}'", "The time stands in the same"),
                ("'hex', signature='Paddle-Signature', timestamp='ts=', signed='{timestamp}:{body}', separator=',', prefix='h1='",
                 "The items of"),
                ("'hex', signature='Paddle-Signature', timestamp='ts=', signed='{timestamp}:{body}', separator=';', prefix='h1'",
                 "Each signature"),
                ("'hex', signature='Paddle-Signature', timestamp='ts=', signed='{timestamp}.{body}', separator=';', prefix='h1='",
                 "What is signed is the timestamp, a colon"),
                (_PADDLE.replace("hex", "base64"), "Paddle's own example does not fit"),
                (_PADDLE + ", key='base64'", "The secret could not be read"),
                (_PADDLE + ", max_age=5, max_ahead=0", "A sender whose clock is one second ahead"),
                (_PADDLE, "Refuse what is older than 5 seconds"),
            )
        ),
    ),
    "13.causes": (
        (_CAUSES.format("other secret", "newline", "clock", "character set"), "A is not refused because the secret is that of another"),
        (_CAUSES.format("character set", "newline", "clock", "parsed"), "A is not refused because the body was read in another"),
        (_CAUSES.format("parsed", "decoded", "clock", "character set"), "B is not refused because"),
        (_CAUSES.format("parsed", "newline", "header", "character set"), "C is not refused because"),
        (_CAUSES.format("parsed", "newline", "clock", "encoding"), "D is not refused because"),
        (_CAUSES.format("parsed", "newline", "too_old", "parsed"), "'too_old' is none of the reasons"),
        ('causes = {"A": "parsed"}', "Keep the four letters"),
    ),
    "13.questions": (
        (_but(signed="{body}"), "signed is not '{body}'"),
        (_but(signed="{timestamp}:{body}"), "signed is not '{timestamp}:{body}'"),
        (_but(oldest_seconds=3), "oldest_seconds is not 3"),
        (_but(answer_within_seconds=2), "answer_within_seconds is not 2"),
        (_but(hours_of_retries=6), "hours_of_retries is not 6"),
        (_but(in_order=True), "in_order is not True"),
        (_but(in_order=0), "in_order is not 0"),
        (_but(dedupe_by="X-Parcel-Attempt"), "dedupe_by is not 'X-Parcel-Attempt'"),
        (_but(dedupe_by="parcel"), "dedupe_by is not 'parcel'"),
        (_but(secrets_at_once=1), "secrets_at_once is not 1"),
        ("answers = {}", "Keep the names"),
    ),
    "13.handshake": (
        (_shake(slack='event["challenge"]'), "To Slack's url_verification it answered '3eZbrw"),
        (_shake(slack='{"challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY"}'), "To another challenge it gave the same answer"),
        (_shake(zoom="False"), "To Zoom's endpoint.url_validation it answered None"),
        (_shake(token='hmac.digest(token.encode(), secret.encode(), "sha256").hex()'), "The encryptedToken is HMAC-SHA256"),
        (_shake(zoom='"payload" in event and "plainToken" in event["payload"]'), "To {'event': 'meeting.started'"),
        (_shake(zoom='event["event"] == "endpoint.url_validation"'), "It raised KeyError for {'type': 'app_mention'"),
        (_shake().replace('"plainToken": token', '"plainToken": secret'), "The plainToken goes back as it came"),
    ),
}  # fmt: skip
