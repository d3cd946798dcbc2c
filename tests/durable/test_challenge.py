"""The challenge: who proves that it wants this, who does not, and that a failed one leaves nothing behind."""

import json
import threading

import pytest
import requests
from flask import Flask, Response, redirect, request
from stores import Network, provider

from webhook_tutorial import Consent, Echo, serve
from webhook_tutorial.delivery import make_session
from webhook_tutorial.durable.challenge import ChallengeFailed
from webhook_tutorial.durable.fields import Refused

A, B = "https://a.example/hook", "https://b.example/hook"
CONSENT = Consent("shop.example")


def allow(origin, status=200):
    return Response(status=status, headers={"WebHook-Allowed-Origin": origin} if origin else {})


def challenge():
    return request.get_json()["challenge"]


def known_token():
    return challenge() if request.get_json()["token"] == "tea-for-two" else ("", 403)


ANSWERS = {
    "text": challenge,
    "text and a newline": lambda: challenge() + "\n",
    "json": lambda: {"challenge": challenge()},
    "form": lambda: Response(f"challenge={challenge()}", content_type="application/x-www-form-urlencoded"),
    "created": lambda: (challenge(), 201),
    "known token": known_token,
    "nothing": lambda: ("", 204),
    "something else": lambda: "ok",
    "everything": lambda: request.get_data(),
    "a part": lambda: challenge()[:-1],
    "other json": lambda: {"challenge": [challenge()]},
    "deep json": lambda: "[" * 50_000,
    "an error": lambda: (challenge(), 500),
    "a redirect": lambda: redirect("/POST/0", 307),
}
PROVE = {"text", "text and a newline", "json", "form", "created", "known token"}
CONSENTS = {
    "this origin": lambda: allow("shop.example"),
    "in capitals": lambda: allow("SHOP.example"),
    "all": lambda: allow("*"),
    "no header": lambda: allow(""),
    "another origin": lambda: allow("other.example"),
    "a suffix": lambda: allow("evil-shop.example"),
    "an error": lambda: allow("*", 405),
    "a redirect": lambda: allow("*", 308),
}
CONSENT_GIVEN = {"this origin", "in capitals", "all"}


@pytest.fixture(scope="module")
def endpoint():
    app = Flask("endpoint")
    for method, answers in (("POST", ANSWERS), ("OPTIONS", CONSENTS)):
        for number, answer in enumerate(answers.values()):
            rule = f"/{method}/{number}"
            app.add_url_rule(rule, rule, answer, methods=[method], provide_automatic_options=False)
    with serve(app) as server:
        yield lambda method, name: f"{server.url}/{method}/{[*(ANSWERS if method == 'POST' else CONSENTS)].index(name)}"


def proved(way, url, token="tea-for-two"):
    with make_session() as session:
        try:
            way.prove(url, session, "c4a11e", token)
        except ChallengeFailed as error:
            return str(error)
    return True


@pytest.mark.parametrize("name", ANSWERS)
def test_an_endpoint_proves_it_by_giving_the_challenge_back(endpoint, name):
    assert (proved(Echo(), endpoint("POST", name)) is True) is (name in PROVE)


def test_no_redirect_is_followed_even_by_a_session_that_would(endpoint):
    with requests.Session() as session, pytest.raises(ChallengeFailed, match="It answered 307"):
        Echo().prove(endpoint("POST", "a redirect"), session, "c4a11e")


def test_an_endpoint_may_answer_to_its_own_token_only(endpoint):
    assert proved(Echo(), endpoint("POST", "known token"), token="") == "It answered 403, and not 2xx."


@pytest.mark.parametrize("name", CONSENTS)
def test_an_endpoint_consents_by_naming_the_origin(endpoint, name):
    assert (proved(CONSENT, endpoint("OPTIONS", name)) is True) is (name in CONSENT_GIVEN)


def test_an_endpoint_of_flask_that_knows_nothing_of_consent_gives_none(endpoint):
    with serve(Flask("plain")) as plain:
        assert proved(CONSENT, plain.url + "/") == "It answered 404, and not 2xx."


def test_one_that_is_not_there_or_too_slow_has_not_proved_it():
    done = threading.Event()

    def slow(environ, start_response):
        if environ["PATH_INFO"] == "/head":
            done.wait(5)
        start_response("200 OK", [])
        for piece in "c4a11e":  # each byte in time, and all of them too late
            done.wait(0.1)
            yield piece.encode()

    with serve(slow, name="slow") as server:
        assert proved(Echo(timeout=0.3), server.url + "/head") == "No answer came: timed out."
        assert proved(Echo(timeout=0.3), server.url) == "It answered 2xx, and not with the challenge."
        done.set()
        url = server.url
    assert proved(Echo(), url) == "No answer came: connection refused."


# --- What follows from it -----------------------------------------------------------------------------------


@pytest.fixture
def network():
    return Network()


@pytest.fixture(params=[Echo(), CONSENT, None], ids=["echo", "consent", "none"])
def shop(tmp_path, network, request):
    with provider(tmp_path / "shop.db", network, challenge=request.param) as shop:
        shop.challenge = request.param
        yield shop


def test_without_a_proof_nothing_is_made_or_changed(tmp_path, network):
    with provider(tmp_path / "shop.db", network) as shop:
        owner, _ = shop.add_owner("Ada")
        one, _ = shop.subscribe(owner, url=A, events=["*"])
        network.status = {A: 200, B: 200}
        for attempt in (
            lambda: shop.subscribe(owner, url=B, events=["*"]),
            lambda: shop.change(one, url=B, events=["user_signup"]),
        ):
            with pytest.raises(Refused, match="has not proved") as caught:
                attempt()
            assert set(caught.value.errors) == {"url"}
        assert shop.subscriptions.of(owner) == [one]
        assert shop.change(one, url=A, events=["user_signup"]).events == ("user_signup",)  # the url is the same


def test_each_way_asks_before_it_stores(shop, network):
    owner, _ = shop.add_owner("Ada")
    network.status[A] = 500
    if shop.challenge is None:
        shop.subscribe(owner, url=A, events=["*"])
        assert network.requests == []
        return
    with pytest.raises(Refused):
        shop.subscribe(owner, url=A, events=["*"])
    assert len(network.requests) == 1 and shop.subscriptions.of(owner) == []


def test_each_challenge_is_another_and_carries_the_token(tmp_path, network):
    with provider(tmp_path / "shop.db", network) as shop:
        owner, _ = shop.add_owner("Ada")
        for _ in range(2):
            shop.subscribe(owner, url=A, events=["*"], verify_token="tea-for-two")
        sent = [json.loads(request.body) for request in network.requests]
    assert len({body["challenge"] for body in sent}) == 2
    assert [(body["type"], body["token"]) for body in sent] == [("url_verification", "tea-for-two")] * 2
    assert "tea-for-two" not in (tmp_path / "shop.db").read_bytes().decode("latin-1")
