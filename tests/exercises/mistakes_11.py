"""Wrong answers that people really give to the exercises of lesson 11: source, and words from the message it gets."""

_SHOWN = (
    "import json, re\ndef shown(v):\n    ok = isinstance(v, str) and re.fullmatch(r'[A-Za-z0-9_.:-]{1,64}', v)\n"
    "    return v if ok else '•••'\n"
)


def _rings(body):
    return f"def rings(attempts, failed, minute):\n{body}"


_WINDOW = (
    "    def burns(n, a=attempts, f=failed):\n        w = slice(max(0, minute + 1 - n), minute + 1)\n"
    "        return sum(a[w]) >= {least} and sum(f[w]) {than} 0.1 * sum(a[w])\n    return {ends}"
)


def _burns(least=10, than=">", ends="burns(60) and burns(5)"):
    return _rings(_WINDOW.format(least=least, than=than, ends=ends))


MISTAKES = {
    "11.line": (
        ("import json\ndef log_line(event, status):\n    return json.dumps({'event': event, 'status': status})",
         "For a sound event and 204 the line holds {'event'"),
        ("import json\ndef log_line(event, status):\n    return json.dumps({'delivery': event['id'], 'event_type':"
         " event['event_type'], 'status': status or 0})", "Without an answer the status is None"),
        ("import json\ndef log_line(event, status):\n    note = {'note': event['note']} if 'note' in event else {}\n"
         "    return json.dumps({'delivery': event['id'], 'event_type': event['event_type'], 'status': status} | note)",
         "An e-mail address from the event is in the line"),
        ("import json\ndef log_line(event, status):\n    return json.dumps({'delivery': event['id'], 'event_type':"
         " event['event_type'], 'status': status})", "An id that is an e-mail address became"),
        ("def log_line(event, status):\n    return f'{event[\"id\"]} {event[\"event_type\"]} {status}'", "'evt_1 order_placed 204' is no JSON"),
        ("def log_line(event, status):\n    print(event['id'], status)", "It returned None: a line is a text"),
        ("import json\ndef log_line(event, status):\n    return json.dumps({'delivery': event['id'], 'event_type':"
         " event['event_type'], 'status': status}, indent=1)", "It returned 5 lines"),
        ("import json, re\ndef shown(v):\n    return v if re.fullmatch(r'[A-Za-z0-9_.:-]{1,64}', v) else '•••'\n"
         "def log_line(event, status):\n    return json.dumps({'delivery': shown(event['id']), 'event_type':"
         " shown(event['event_type']), 'status': status})", "It raised TypeError"),
        (_SHOWN.replace("{1,64}", "+") + "def log_line(event, status):\n    return json.dumps({'delivery': shown(event.get('id')),"
         " 'event_type': shown(event.get('event_type')), 'status': status})", "An id that is 65 characters became"),
        (_SHOWN.replace("fullmatch", "match").replace("64}", "64}$") + "def log_line(event, status):\n    return json.dumps({'delivery':"
         " shown(event.get('id')), 'event_type': shown(event.get('event_type')), 'status': status})",
         "An id that is a line break at its end became"),
        (_SHOWN + "def log_line(event, status):\n    line = {'status': status}\n    for a, b in (('id', 'delivery'), ('event_type',) * 2):\n"
         "        if a in event: line[b] = shown(event[a])\n    return json.dumps(line)", "An event without id gave None"),
    ),
    "11.rings": (
        (_burns(ends="burns(60)"), "At minute 165 it returned True"),
        (_burns(ends="burns(5)"), "At minute 104 it returned True"),
        (_burns(than=">="), "At minute 159 it returned True"),
        (_burns(least=11), "At minute 199 it returned False"),
        (_burns(least=1), "At minute 199 it returned True. Five attempts"),
        (_rings("    w = slice(minute - 59, minute + 1)\n    s = slice(minute - 4, minute + 1)\n"
                "    return all(sum(attempts[x]) >= 10 and sum(failed[x]) > .1 * sum(attempts[x]) for x in (w, s))"),
         "At minute 4 it returned False"),
        (_rings("    return sum(failed[:minute])"), "It returned 0: True or False"),
    ),
    "11.cause": (
        ('report = {"cause": "network", "endpoints": ["crm", "reports"]}', "The line was down, at all five at once"),
        ('report = {"cause": "receiver", "endpoints": ["crm"]}', "A receiver was down, for half an hour"),
        ('report = {"cause": "release", "endpoints": ["billing"]}', "A release that spoils events"),
        ('report = {"cause": "sabotage", "endpoints": ["billing"]}', "The cause is one of the four words"),
        ('report = {"cause": "secret", "endpoints": "crm"}', "endpoints is a list of names"),
        ('report = {"cause": "secret", "endpoints": ["crm"]}', "The cause is right. It has lost events at 2 endpoints, and 1"),
        ('report = {"cause": "secret", "endpoints": ["crm", "reports", "billing"]}', "The cause is right, and billing has lost nothing"),
        ('report = {"cause": "secret"}', "Keep both lines"),
    ),
    "11.rescue": (
        ("def rescue(sender):\n    for d in sender.dead:\n        sender.redeliver(d)", "evt_23 → billing.example was sent once more"),
        ("def rescue(sender):\n    for d in sender.deliveries:\n        if any(a.status == 401 for a in d.attempts) and d.state != 'waiting':\n"
         "            sender.redeliver(d)", "evt_32 → crm.example had arrived already"),
        ("def rescue(sender):\n    sender.run()", "38 deliveries were lost to the cause, and none"),
        ("def rescue(sender):\n    for d in sender.dead:\n        if 'crm' in d.url: sender.redeliver(d)", "Of 38 that were lost, 19 have still"),
        ("def rescue(sender):\n    for d in sender.dead:\n        if d.attempts[-1].status == 401:\n"
         "            sender.send(d.url, {'id': d.id, 'event_type': 'order_placed', 'data': {}})", "There are new deliveries"),
        ("def rescue(sender):\n    for d in list(sender.waiting()):\n        sender.redeliver(d)\n    raise LookupError('x')", "It raised LookupError"),
    ),
}  # fmt: skip
