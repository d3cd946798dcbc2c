"""Puddlewick, the provider of the capstone: invented, and described to the learner in notebooks/puddlewick.md.

Here is what the grader knows of it. It has two traps that real providers have, too: the time in its header is in
milliseconds (HubSpot's and Linear's are), and the id in its header is new with each attempt, while the event's own
stands in the body (Paddle's notification_id and event_id are like that where a notification is sent again).
"""

from ..signing import Dialect
from ..signing.providers import Provider

#: The largest body, in bytes, and how long an answer may take, in seconds.
LARGEST, PATIENCE = 65_536, 3.0

PUDDLEWICK = Provider(
    dialect=Dialect(
        name="Puddlewick",
        signature="Puddlewick-Signature",
        prefix="v1=",
        separator=",",
        timestamp="Puddlewick-Sent-At",
        time_format="milliseconds",
        signed="{timestamp}:{body}",
        encoding="base64",
        max_age=300,
        max_ahead=60,
        unsigned=("Puddlewick-Delivery", "every other header"),
    ),
    body={
        "id": "pud_{now}",
        "event_type": "rental.ended",
        "at": "{iso}",
        "data": {"rental": "R-{now}", "station": "Old Harbour", "deposit": 500, "currency": "EUR"},
    },
    id="id",
    type="event_type",
    attempt="Puddlewick-Delivery",
)

#: The worked example of the page: secret, body and headers.
EXAMPLE_SECRET = "pudl_example_of_the_documentation"
EXAMPLE_BODY = (
    b'{"id":"pud_000000000081","event_type":"rental.ended","at":"2026-01-05T09:00:00Z",'
    b'"data":{"rental":"R-7","station":"Old Harbour","deposit":500,"currency":"EUR"}}'
)
EXAMPLE_HEADERS = {
    "Puddlewick-Delivery": "5f0c9d1e-example",
    "Puddlewick-Sent-At": "1767603600250",
    "Puddlewick-Signature": "v1=BVrrYDhWaYoi84uf+DU3BU8Rvb1Fm4HWb+evdWOm+YU=",
}
