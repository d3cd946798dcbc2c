"""Wrong answers that people really give to the exercises of lesson 01: source, and words from the message it gets."""

MISTAKES = {
    "01.interval": (
        ("interval = 10", "That is more than 3 requests a minute"),
        ("interval = 60", "Both promises hold. A longer interval than 60 s"),
        ("interval = 240", "An order that comes right after a poll"),
        ("interval = '2 min'", "Give the interval as a number"),
        ("interval = float('nan')", "An interval is a number of seconds above 0"),
    ),
    "01.collect": (
        ('import requests\ndef collect(url, since):\n    return requests.get(url + "/orders").json()["orders"]',
         "25 orders came at once and you got the newest 10"),
        ('import requests\ndef collect(url, since):\n'
         '    return requests.get(url + "/orders", params={"since": since}).json()["orders"]',
         "25 orders came at once and you got 10."),
        ('import requests\ndef collect(url, since):\n    got = []\n    for _ in range(3):\n'
         '        got += requests.get(url + "/orders", params={"since": since}).json()["orders"]\n'
         '        if len(got) < 10: break\n    return got',
         "Some orders came more than once"),
        ('import requests\ndef collect(url, since):\n'
         '    return requests.get(url + "/orders", params={"since": 0, "limit": 100}).json()["orders"]',
         "Orders 1 to 3 came again"),
        ('import requests\ndef collect(url, since):\n'
         '    return requests.get(url + "/orders", params={"since": since}).json()',
         "collect must return a list"),
        ('import requests\ndef collect(url, since):\n    got, more = [], True\n    while more:\n'
         '        page = requests.get(url + "/orders", params={"since": since}).json()\n'
         '        got += page["orders"]; more = page["more"]\n    return got',
         "You asked for the same page again and again"),
        ('import requests\ndef collect(url, since):\n'
         '    return requests.get(url + "/orders", params={"since": since, "limit": 10000}).json()["orders"]',
         "The shop answered 400"),
        ('import requests\ndef collect(url, since):\n'
         '    page = requests.get(url + "/orders", params={"since": since, "limit": 100}).json()\n'
         '    return [order["number"] for order in page["orders"]]',
         "collect must return the orders themselves"),
        ("def collect(url, since):\n    return []", "The shop had the orders 1, 2 and 3"),
    ),
    "01.patient": (
        ("import requests\ndef patient_get(url, clock):\n    return requests.get(url)", "The answer is still 429"),
        ("import requests\ndef patient_get(url, clock):\n    answer = requests.get(url)\n"
         "    while answer.status_code == 429:\n        clock.sleep(5)\n        answer = requests.get(url)\n"
         "    return answer", "You asked"),
        ("import requests\ndef patient_get(url, clock):\n    answer = requests.get(url)\n"
         "    if answer.status_code == 429:\n        clock.sleep(60)\n        answer = requests.get(url)\n"
         "    return answer", "You waited 60 s"),
        ("import requests\ndef patient_get(url, clock):\n    answer = requests.get(url)\n"
         "    clock.sleep(int(answer.headers.get('Retry-After', 50)))\n    return requests.get(url)",
         "There was no 429 the second time"),
        ("import requests\ndef patient_get(url, clock):\n    answer = requests.get(url)\n"
         "    if answer.status_code == 429:\n        clock.sleep(int(answer.headers['Retry-After']))\n"
         "        requests.get(url)\n", "Return the last answer"),
        ("import requests\ndef patient_get(url, clock):\n    answer = requests.get(url)\n"
         "    if answer.status_code == 429:\n        clock.sleep(answer.headers['Retry-After'])\n"
         "    return requests.get(url)", "TypeError:"),
        ("import requests\ndef patient_get(url, clock):\n    answer = requests.get(url)\n"
         "    clock.sleep(int(answer.headers.get('Retry-After', 0)))\n    return requests.get(url)",
         "The first answer was 200 the second time"),
    ),
}  # fmt: skip
