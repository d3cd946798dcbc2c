"""The registration API, fuzzed from its own description: no 5xx, every 4xx a problem document, nothing undescribed.

SOAK=1 pytest tests/durable/test_fuzz_api.py    fifteen times as many requests
"""

import os
from collections import Counter
from urllib.parse import parse_qs, urlsplit

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from stores import Network, counting, order, provider

EXAMPLES = 600 if os.environ.get("SOAK") else 40
URL, OTHER = "https://a.example/hook", "https://b.example/hook"

load_all_checks()
#: What is asked here with and without the key, and where a valid body may be refused: the endpoint has to be there.
LEFT_OUT = [CHECKS.get_one(name) for name in ("positive_data_acceptance", "ignored_auth")]
REJECTION = CHECKS.get_one("negative_data_rejection")


@pytest.fixture
def shop(tmp_path):
    """A shop with something in it: two owners with a subscription each, one of which fails and one of which is gone."""
    network = Network()
    with provider(tmp_path / "shop.db", network, ids=counting()) as shop:
        shop.app, shop.network = Flask("shop"), network
        shop.app.register_blueprint(shop.blueprint)
        ada, shop.api_key = shop.add_owner("Ada")
        bela, _ = shop.add_owner("Bela")
        mine, _ = shop.subscribe(ada, url=URL, events=["*"])
        other, _ = shop.subscribe(bela, url=OTHER, events=["*"])
        network.status |= {URL: [400, 204, 503], OTHER: 410}
        for number in range(4):
            shop.publish(order(number, shop))
        shop.run(until=shop.clock.now())
        shop.ids = {"id": [mine.id, other.id], "delivery": [entry["id"] for entry in shop.deliveries.log(mine.id)]}
        yield shop


def operations(app):
    """The operations of the description, DELETE last, so that the others find something."""
    found = [one.ok() for one in schemathesis.openapi.from_wsgi("/openapi.json", app).get_all_operations()]
    return sorted(found, key=lambda operation: operation.method == "delete")


def fuzz(shop, operation, mode):
    seen = Counter()

    @seed(1)
    @settings(max_examples=EXAMPLES, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(operation.as_strategy(generation_mode=mode), st.data())
    def run(case, data):
        if data.draw(st.booleans()):  # what the requests before have paused, rotated or put in line is over
            shop.subscriptions.change(shop.ids["id"][0], status="active", reason="")
            shop.clock.sleep(86_400)
            shop.run(until=shop.clock.now())
        for name in case.path_parameters or {}:
            case.path_parameters[name] = data.draw(st.sampled_from([*shop.ids[name], case.path_parameters[name]]), name)
        headers = (
            {"Authorization": f"Bearer {shop.api_key}"} if data.draw(st.sampled_from([True] * 9 + [False])) else {}
        )
        answer = case.call(headers=headers)
        seen[answer.status_code] += 1
        # It says that a query is wrong of some whose wrong part has no form in a URL (an empty list), and is not sent.
        sent = parse_qs(urlsplit(answer.request.url).query, keep_blank_values=True)
        left_out = [*LEFT_OUT, REJECTION] if case.query and set(sent) <= {"since", "limit"} else LEFT_OUT
        case.validate_response(answer, excluded_checks=left_out)
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == ["application/problem+json"]
            assert answer.json()["status"] == answer.status_code

    run()
    return seen


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.thorough
def test_whatever_is_asked_the_answer_is_one_of_the_description(shop, mode):
    all_seen = Counter()
    for operation in operations(shop.app):
        seen = fuzz(shop, operation, mode)
        print(mode.name, operation.label, dict(seen))
        all_seen += seen
        assert sum(seen.values()) >= 20
    positive = mode is GenerationMode.POSITIVE
    expected = {200, 201, 202, 204, 401, 404, 409, 422} if positive else {400, 401, 404, 422}
    assert expected <= set(all_seen), "the fuzzing does not reach what it should"
