"""Wrong answers that people really give to the exercises of lesson 09: source, and words from the message it gets."""

_RIGHT = {
    "accounting": ["payment.received", "refund.sent"],
    "warehouse": ["order.#"],
    "alarm": ["#.failed"],
    "signups": ["user.*"],
}

MISTAKES = {
    "09.observers": (
        ("def notify(observers, event):\n    for o in observers:\n        o(event)\n    return []", "It raised KeyError"),
        ("def notify(observers, event):\n    errors = []\n    try:\n        for o in observers: o(event)\n"
         "    except Exception as e: errors.append(e)\n    return errors", "Of five observers, a to e"),
        ("def notify(observers, event):\n    for o in list(observers):\n        try: o(event)\n        except Exception: pass",
         "Return a list of the exceptions, not None"),
        ("def notify(observers, event):\n    errors = []\n    for o in list(observers):\n        try: o(event)\n"
         "        except Exception as e: errors.append(str(e))\n    return errors", "Two observers raised"),
        ("def notify(observers, event):\n    errors = []\n    for o in observers:\n        try: o(event)\n"
         "        except Exception as e: errors.append(e)\n    return errors", "The first observer removed itself"),
        ("def notify(observers, event):\n    errors = []\n    for o in list(observers):\n        try: o(event)\n"
         "        except BaseException as e: errors.append(e)\n    return errors", "A KeyboardInterrupt was caught"),
        ("def notify(observers, event):\n    errors = []\n    for o in list(observers):\n        try: o(event)\n"
         "        except KeyboardInterrupt: raise\n        except BaseException as e: errors.append(e)\n    return errors",
         "A SystemExit was caught"),
        ("def notify(observers, event):\n    errors = []\n    for o in list(observers):\n        try: o(event)\n"
         "        except (KeyError, OSError) as e: errors.append(e)\n    return errors", "It raised RuntimeError"),
        ("def notify(observers, event):\n    errors, stop = [], None\n    for o in list(observers):\n        try: o(event)\n"
         "        except Exception as e: errors.append(e)\n        except BaseException as e: stop = e\n"
         "    if stop: raise stop\n    return errors", "A KeyboardInterrupt came out only when all had been told"),
        ("def notify(observers, event):\n    errors = []\n    for o in list(observers):\n        try: o(event['id'])\n"
         "        except Exception as e: errors.append(e)\n    return errors", "An observer was called with something other"),
        ("ever = []\ndef notify(observers, event):\n    ever.extend(o for o in observers if o not in ever)\n    errors = []\n"
         "    for o in [o for o in ever if o in observers or o.__name__ == 'once']:\n        try: o(event)\n"
         "        except Exception as e: errors.append(e)\n    return errors", "An observer that had removed itself"),
        ("def notify(observers, event):\n    if not observers: return [None]\n    errors = []\n    for o in list(observers):\n"
         "        try: o(event)\n        except Exception as e: errors.append(e)\n    return errors", "Where nobody observes"),
    ),
    "09.keys": tuple(
        ("wishes = " + repr(_RIGHT | wrong), words)
        for wrong, words in (
            ({"accounting": "payment.received"}, "What accounting wishes for is a list of patterns"),
            ({"accounting": [7]}, "What accounting wishes for is a list of texts"),
            ({"accounting": ["payment.*", "refund.*"]}, "accounting would get payment.failed as well, by 'payment.*'"),
            ({"accounting": ["payment.received"]}, "accounting would not get refund.sent"),
            ({"warehouse": ["order", "order.*"]}, "warehouse would not get order.placed.express"),
            ({"warehouse": ["order#"]}, "warehouse would not get order. In 'order#' a star or hash"),
            ({"warehouse": ["#"]}, "warehouse would get orders.placed as well"),
            ({"alarm": ["*.failed"]}, "alarm would not get order.delivery.failed"),
            ({"alarm": ["#.failed.#"]}, "alarm would get payment.failed.twice as well"),
            ({"signups": ["user.#"]}, "signups would get user.signup.confirmed as well"),
            ({"signups": ["*user.*"]}, "signups would not get user.signup"),
            ({"warehouse": ["order", "order.*", "order.*.*"]}, "warehouse would not get order.a.b.c"),
            ({"alarm": ["failed", "*.failed", "*.*.failed"]}, "alarm would not get a.b.c.failed"),
            ({"accounting": ["*.received", "*.sent"]}, "accounting would get order.received as well"),
            ({"accounting": ["payment.received", "*.sent"]}, "accounting would get invoice.sent as well"),
            ({"accounting": ["payment.received", "refund.sent.#"]}, "accounting would get refund.sent.late as well"),
            ({"accounting": ["#.payment.received", "refund.sent"]}, "accounting would get x.payment.received as well"),
            ({"signups": ["user.signup", "user.failed"]}, "signups would not get user.deleted"),
            ({"else": ["#"]}, "Keep the four lines"),
        )
    ),
    "09.dead": (
        ("def what_next(tries, error):\n    if error is None: return 'ack'\n    return 'dead' if tries > 3 else 'again'",
         "It has failed 3 times, and you say 'again'"),
        ("def what_next(tries, error):\n    if error is None: return 'ack'\n    return 'dead' if tries >= 3 else 'again'",
         "A ValueError says that the event is wrong"),
        ("def what_next(tries, error):\n    if error is None: return 'ack'\n"
         "    return 'dead' if tries >= 3 or type(error) is ValueError else 'again'", "A UnicodeDecodeError is a ValueError too"),
        ("def what_next(tries, error):\n    if error is None: return 'ack'\n"
         "    return 'dead' if tries >= 3 or tries == 1 and isinstance(error, ValueError) else 'again'",
         "A ValueError at the second try says the same"),
        ("def what_next(tries, error):\n    if error is None: return 'ack'\n"
         "    return 'dead' if tries >= 3 or type(error) in (ValueError, UnicodeDecodeError) else 'again'",
         "A JSONDecodeError is a ValueError too"),
        ("def what_next(tries, error):\n    if tries >= 3: return 'dead'\n    return 'again' if error else 'ack'",
         "Nothing went wrong, at try 3"),
        ("def what_next(tries, error):\n    if error is None: return 'ack'\n"
         "    return 'dead' if tries >= 2 or isinstance(error, ValueError) else 'again'", "A ConnectionError at try 2"),
        ("def what_next(tries, error):\n    if error is None: return 'ack'\n"
         "    return 'dead' if tries >= 3 or isinstance(error, (ValueError, KeyError)) else 'again'", "KeyError() is no ValueError"),
        ("def what_next(tries, error):\n    if not error: return 'ack'", "what_next(1, ConnectionError('down')) returned None"),
    ),
}  # fmt: skip
