"""Wrong answers that people really give to the exercises of lesson 03: source, and words from the message it gets."""

MISTAKES = {
    "03.send": (
        ("import requests\nfrom webhook_tutorial import why_no_answer\ndef send_once(url, event, again=True):\n    try:\n"
         "        s = requests.post(url, json=event, timeout=0.3, allow_redirects=False).status_code\n"
         "    except requests.RequestException as error:\n"
         "        sent = why_no_answer(error) in ('connection lost', 'timed out')\n"
         "        return 'unknown' if sent else 'not processed'\n"
         "    if s >= 500: return send_once(url, event, False) if again else 'unknown'\n"
         "    return 'delivered' if s < 300 else 'not processed'",
         "A 500 heard from you 2 times"),
        ("import requests\ndef send_once(url, event):\n    requests.post(url, json=event)\n"
         "    return 'delivered'",
         "A 400 should be 'not processed'"),
        ("import requests\ndef send_once(url, event):\n    a = requests.post(url, json=event)\n"
         "    return 'delivered' if a.status_code == 200 else 'not processed'",
         "A 204 should be 'delivered'"),
        ("import requests\ndef send_once(url, event):\n    a = requests.post(url, json=event)\n"
         "    return 'delivered' if a.status_code < 300 else 'not processed'",
         "A 500 should be 'unknown'"),
        ("import requests\ndef send_once(url, event):\n    a = requests.post(url, json=event)\n"
         "    return 'delivered' if a.status_code < 300 else 'unknown' if a.status_code >= 500 else 'not processed'",
         "A redirect (302) was followed"),
        ("import requests\ndef send_once(url, event):\n"
         "    a = requests.post(url, json=event, allow_redirects=False)\n"
         "    return 'delivered' if a.ok else 'unknown' if a.status_code >= 500 else 'not processed'",
         "A redirect (302) is not delivered"),
        ("import requests\ndef send_once(url, event):\n"
         "    a = requests.post(url, json=event, allow_redirects=False)\n"
         "    return {2: 'delivered', 4: 'not processed'}.get(a.status_code // 100, 'unknown')",
         "A redirect (302) should be 'not processed'"),
        ("import requests\ndef send_once(url, event):\n"
         "    a = requests.post(url, json=event, allow_redirects=False)\n"
         "    return 'delivered' if a.status_code < 300 else 'unknown' if a.status_code >= 500 else 'not processed'",
         "A slow receiver should be 'unknown'"),
        ("import requests\ndef send_once(url, event):\n"
         "    a = requests.post(url, json=event, timeout=0.3, allow_redirects=False)\n"
         "    return 'delivered' if a.status_code < 300 else 'unknown' if a.status_code >= 500 else 'not processed'",
         "A slow receiver made it raise ReadTimeout"),
        ("import requests\ndef send_once(url, event):\n    try:\n"
         "        a = requests.post(url, json=event, timeout=0.3, allow_redirects=False)\n"
         "    except requests.Timeout:\n        return 'unknown'\n"
         "    return 'delivered' if a.status_code < 300 else 'unknown' if a.status_code >= 500 else 'not processed'",
         "A receiver that stalls halfway through its answer made it raise ConnectionError"),
        ("import requests\ndef send_once(url, event):\n    try:\n"
         "        a = requests.post(url, json=event, timeout=0.3, allow_redirects=False)\n"
         "    except requests.Timeout:\n        return 'unknown'\n"
         "    except requests.ConnectionError:\n        return 'not processed'\n"
         "    return 'delivered' if a.status_code < 300 else 'unknown' if a.status_code >= 500 else 'not processed'",
         "A receiver that stalls halfway through its answer should be 'unknown'"),
        ("import requests\ndef send_once(url, event):\n    try:\n"
         "        a = requests.post(url, json=event, timeout=0.3, allow_redirects=False)\n"
         "    except (requests.Timeout, requests.ConnectionError):\n        return 'unknown'\n"
         "    return 'delivered' if a.status_code < 300 else 'unknown' if a.status_code >= 500 else 'not processed'",
         "A receiver that crashes halfway through its answer made it raise ChunkedEncodingError"),
        ("import requests\ndef send_once(url, event):\n    try:\n"
         "        a = requests.post(url, json=event, timeout=0.3, allow_redirects=False)\n"
         "    except requests.RequestException as error:\n"
         "        return 'unknown' if 'timed out' in str(error) else 'not processed'\n"
         "    return 'delivered' if a.status_code < 300 else 'unknown' if a.status_code >= 500 else 'not processed'",
         "A receiver that crashes halfway through its answer should be 'unknown'"),
        ("import requests\ndef send_once(url, event):\n    try:\n"
         "        a = requests.post(url, json=event, timeout=0.3, allow_redirects=False)\n"
         "    except (requests.Timeout, requests.exceptions.ChunkedEncodingError):\n"
         "        return 'unknown'\n    except requests.ConnectionError as error:\n"
         "        return 'unknown' if 'timed out' in str(error) else 'not processed'\n"
         "    return 'delivered' if a.status_code < 300 else 'unknown' if a.status_code >= 500 else 'not processed'",
         "A lost answer should be 'unknown'"),
        ("import requests\ndef send_once(url, event):\n    try:\n"
         "        a = requests.post(url, json=event, timeout=0.3, allow_redirects=False)\n"
         "    except requests.RequestException:\n        return 'unknown'\n"
         "    return 'delivered' if a.status_code < 300 else 'unknown' if a.status_code >= 500 else 'not processed'",
         "A connection that is not made in time should be 'not processed'"),
        ("import requests\ndef send_once(url, event):\n    try:\n"
         "        a = requests.post(url, json=event, timeout=0.3, allow_redirects=False)\n"
         "    except requests.ConnectTimeout:\n        return 'not processed'\n"
         "    except requests.RequestException as error:\n"
         "        return 'not processed' if 'refused' in str(error) else 'unknown'\n"
         "    return 'delivered' if a.status_code < 300 else 'unknown' if a.status_code >= 500 else 'not processed'",
         "An https:// address with plain HTTP behind it should be 'not processed'"),
        ("import requests\ndef send_once(url, event):\n    try:\n"
         "        a = requests.post(url, json=event, timeout=0.3, allow_redirects=False)\n"
         "    except (requests.ConnectTimeout, requests.exceptions.SSLError):\n"
         "        return 'not processed'\n    except requests.RequestException:\n"
         "        return 'unknown'\n"
         "    return 'delivered' if a.status_code < 300 else 'unknown' if a.status_code >= 500 else 'not processed'",
         "A receiver that is not there should be 'not processed'"),
        ("import requests\ndef send_once(url, event):\n    requests.get(url)\n    return 'delivered'",
         "The event did not arrive as JSON in a POST"),
    ),
    "03.fan_out": (
        ("import requests\ndef send_all(urls, event):\n"
         "    return [requests.post(url, json=event, timeout=2).status_code for url in urls]",
         "The subscribers wait for each other"),
        ("from concurrent.futures import ThreadPoolExecutor\nimport requests\ndef send_all(urls, event):\n"
         "    with ThreadPoolExecutor(len(urls)) as pool:\n"
         "        for url in urls: pool.submit(requests.post, url, json=event, timeout=2)",
         "All of them heard at once. Return the list"),
        ("from concurrent.futures import ThreadPoolExecutor, as_completed\nimport requests\ndef send_all(urls, event):\n"
         "    with ThreadPoolExecutor(len(urls)) as pool:\n"
         "        jobs = [pool.submit(requests.post, url, json=event, timeout=2) for url in urls]\n"
         "        return sorted((j.result().status_code for j in as_completed(jobs)), reverse=True)",
         "All of them heard at once. The statuses must come in the order"),
        ("from concurrent.futures import ThreadPoolExecutor\nimport requests\ndef send_all(urls, event):\n"
         "    with ThreadPoolExecutor(4) as pool:\n"
         "        return list(pool.map(lambda url: requests.post(url, json=event, timeout=5).status_code, urls))",
         "4 of 8 were asked at once"),
        ("import asyncio, httpx\nasync def send_all(urls, event):\n    async with httpx.AsyncClient(trust_env=False) as client:\n"
         "        return await asyncio.gather(*(client.post(url, json=event) for url in urls))",
         "All of them heard at once. Return each answer's status_code"),
        ("import requests\ndef send_all(urls, event):\n    return [requests.post(urls[0], json=event).status_code]",
         "8 subscribers were waiting, and 1 heard"),
    ),
    "03.thin": (
        ("def make_thin(event):\n    return {'event_type': event['event_type'], 'data': {'number': 1}}",
         "A thin event keeps its id"),
        ("def make_thin(event):\n    event['data'] = {'number': event['data']['number']}\n    return event",
         "It changed the event"),
        ("def make_thin(event):\n    return {k: v for k, v in event.items() if k != 'data'}", "The receiver must know which order"),
        ("def make_thin(event):\n    return event | {'data': event['data']['number']}", "data must stay an object"),
        ("def make_thin(event):\n    return dict(event)", "data still tells amount, customer"),
    ),
}  # fmt: skip
