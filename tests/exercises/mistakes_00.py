"""Wrong answers that people really give to the exercises of lesson 00: source, and words from the message it gets."""

MISTAKES = {
    "00.ring": (
        ("import requests\ndef ring_order(url):\n    return requests.get(url + '/webhook').status_code", "It came as GET."),
        ("import requests\ndef ring_order(url):\n    return requests.post(url, json={'event_type': 'order_placed'})",
         "The request went to /;"),
        ("import requests\ndef ring_order(url):\n    return requests.post(url + '/webhook', data={'event_type': 'order_placed'})",
         "The body came as a form"),
        ("import requests\ndef ring_order(url):\n    return requests.post(url + '/webhook', json={'event': 'order_placed'})",
         "It arrived, but the body's event_type"),
        ("import requests\ndef ring_order(url):\n    requests.post(url + '/webhook', json={'event_type': 'order_placed'})",
         "It arrived. The function gives nothing back"),
        ("import requests\ndef ring_order(url):\n    return requests.post(url + '/webhook', json={'event_type': 'order_placed'})",
         "It arrived. The receiver answered 202"),
        ("import requests\ndef ring_order(url):\n    requests.post(url + '/webhook', json={'event_type': 'order_placed'})\n"
         "    return requests.post(url + '/webhook', json={'event_type': 'order_placed'}).status_code",
         "It arrived twice"),
        ("def ring_order(url):\n    return 200", "Nothing arrived"),
        ("ring_order = 202", "Hand over ring_order itself"),
    ),
    "00.parts": (
        ("parts = {'a customer places an order': 'notification', 'POST /webhook reaches the receiver': 'event',"
         " 'the receiver tells the warehouse': 'action'}", "The event happens at the sender"),
        ("parts = {'a customer places an order': 'event', 'POST /webhook reaches the receiver': 'action',"
         " 'the receiver tells the warehouse': 'notification'}", "An action is what the receiver does"),
        ("parts = {'a customer places an order': 'action', 'POST /webhook reaches the receiver': 'notification',"
         " 'the receiver tells the warehouse': 'action'}", "Each word goes with one line"),
        ("parts = {'a customer places an order': 'webhook', 'POST /webhook reaches the receiver': 'notification',"
         " 'the receiver tells the warehouse': 'action'}", "Use the three words"),
        ("parts = 'event'", "Keep the three lines"),
    ),
}  # fmt: skip
