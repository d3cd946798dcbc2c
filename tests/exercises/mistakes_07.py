"""Wrong answers that people really give to the exercises of lesson 07: source, and words from the message it gets."""

_GIVEN = "from flask import request\ndef webhook():\n    event = request.get_json()\n"
_WALK = (
    "def what_follows(attempts):\n    since, status, time = None, None, 0\n    for time, status in attempts:\n"
    "        if status in range(200, 300):\n            since = None\n        elif since is None:\n            since = time\n"
)
_TYPE = (
    "def read(event):\n    if event['event_type'] != 'order_placed':\n        return None\n    data = event['data']\n"
)

MISTAKES = {
    "07.endpoint": (
        (_GIVEN + "    return event.challenge", "The challenge made it raise"),
        (_GIVEN + "    return '', 204", "The challenge with the right token gets 200"),
        (_GIVEN + "    return event", "The answer to the challenge is the challenge"),
        (_GIVEN + "    return event['challenge']", "A challenge with another token"),
        (
            _GIVEN + "    return event['challenge'] if event['token'] == 'my-token' else ('', 403)",
            "A challenge without a token made it raise",
        ),
        (
            _GIVEN + "    if event.get('token', 'my-token') != 'my-token':\n        return '', 403\n"
            "    return event['challenge']",
            "A challenge without a token was not refused",
        ),
        (
            _GIVEN + "    if event['type'] == 'url_verification':\n"
            "        return event['challenge'] if event.get('token') == 'my-token' else ('', 403)\n    return '', 204",
            "An order made it raise",
        ),
        (
            _GIVEN + "    return event['challenge'] if event.get('token') == 'my-token' else ('', 403)",
            "An order gets 204",
        ),
        (
            _GIVEN + "    if 'challenge' in event:\n"
            "        return event['challenge'] if event.get('token') == 'my-token' else ('', 403)\n    return '', 204",
            "An order with a field called challenge",
        ),
    ),
    "07.disable": (
        ("def what_follows(attempts):\n    return len(attempts) > 5", "It returned False"),
        ("def what_follows(attempts):\n    return 'nothing'", "For [(0, 500), (24, 500)] it is 'warn'"),
        (
            "def what_follows(attempts):\n    hours = attempts[-1][0] - attempts[0][0]\n"
            "    return 'disable' if hours >= 120 else 'warn' if hours >= 24 else 'nothing'",
            "For [(0, 200), (200, 204)]",
        ),
        (
            "def what_follows(attempts):\n    since = None\n    for time, status in attempts:\n"
            "        if status < 300:\n            since = None\n        elif since is None:\n            since = time\n"
            "    hours = 0 if since is None else time - since\n"
            "    return 'disable' if hours >= 120 else 'warn' if hours >= 24 else 'nothing'",
            "It raised TypeError for [(0, 500), (23, None)]",
        ),
        (
            "def what_follows(attempts):\n    since = None\n    for time, status in attempts:\n"
            "        if status in range(200, 300):\n            since = None\n        elif since is None and status:\n"
            "            since = time\n"
            "    hours = 0 if since is None else time - since\n"
            "    return 'disable' if hours >= 120 else 'warn' if hours >= 24 else 'nothing'",
            "For [(0, None), (60, None), (120, None)]",
        ),
        (
            "def what_follows(attempts):\n    if not attempts or attempts[-1][1] in range(200, 300):\n"
            "        return 'nothing'\n    first = [at for at, status in attempts if status not in range(200, 300)][0]\n"
            "    hours = attempts[-1][0] - first\n"
            "    return 'disable' if hours >= 120 else 'warn' if hours >= 24 else 'nothing'",
            "For [(0, 500), (100, 200), (130, 500)]",
        ),
        (
            _WALK + "    hours = 0 if since is None else time - since\n"
            "    return 'disable' if hours >= 120 else 'warn' if hours >= 24 else 'nothing'",
            "For [(0, 200), (1, 410)]",
        ),
        (
            _WALK + "    if any(status == 410 for _, status in attempts):\n        return 'disable'\n"
            "    hours = 0 if since is None else time - since\n"
            "    return 'disable' if hours >= 120 else 'warn' if hours >= 24 else 'nothing'",
            "For [(0, 410), (1, 200)]",
        ),
        (
            "def what_follows(attempts):\n    if attempts[-1][1] == 410:\n        return 'disable'\n"
            + "    since = None\n"
            "    for time, status in attempts:\n        if status in range(200, 300):\n            since = None\n"
            "        elif since is None:\n            since = time\n    hours = 0 if since is None else time - since\n"
            "    return 'disable' if hours >= 120 else 'warn' if hours >= 24 else 'nothing'",
            "It raised IndexError for []",
        ),
    ),
    "07.reader": (
        (_TYPE + "    return data['number'], data['amount']", "It raised KeyError for an order of version 2026-06"),
        (
            _TYPE + "    number, amount = data.values()\n"
            "    return number, amount if isinstance(amount, int) else amount['amount']",
            "It raised ValueError for an order of version 2026-01 with a new field",
        ),
        (
            _TYPE + "    return data['number'], data.get('amount') or data['total']['amount']",
            "It raised KeyError for an order of version 2026-01 that costs nothing",
        ),
        (
            "def read(event):\n    data = event['data']\n"
            "    return data['number'], data['total']['amount'] if 'total' in data else data['amount']",
            "It raised KeyError for a user_signup",
        ),
        (
            "def read(event):\n    data = event['data']\n    if 'number' not in data:\n        return None\n"
            "    return data['number'], data['total']['amount'] if 'total' in data else data['amount']",
            "It raised TypeError for a type that did not exist before",
        ),
        (_TYPE + "    return data['number']", "For an order of version 2026-01 it is (7, 450)"),
    ),
}
