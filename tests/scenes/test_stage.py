"""The bench of scenes, played with small ones: it goes wrong as the scene says, is told, and leaves nothing behind."""

import json
import math
import re
import sqlite3
import threading

import pytest
import requests
from flask import Flask, request

from webhook_tutorial import Scene, Service, SignatureError, make_event, play, running, serve, trials, verify, watch
from webhook_tutorial.clock import START, SimulatedClock
from webhook_tutorial.events import encode
from webhook_tutorial.scenes import stage as bench
from webhook_tutorial.scenes.scene import MOST_EVENTS
from webhook_tutorial.scenes.stage import perform, receiver

NOTES = "CREATE TABLE notes (id TEXT, minute REAL)"


def happened(*minutes):
    return tuple((minute, "thing_happened", {"number": number}) for number, minute in enumerate(minutes, 1))


def scene(**fields):
    return Scene(**({"sender": "website", "receiver": "office", "events": happened(0, 10)} | fields))


def note(event, stage):
    """A sound handler: its effect is in the table."""
    stage.db.execute("INSERT INTO notes VALUES (?, ?)", event["id"], stage.minute())


def post(stage, entry, key=None, name="chat"):
    headers = {"Idempotency-Key": key} if key else {}
    return requests.post(stage.url(name), json=entry, headers=headers, timeout=2)


def tell(event, stage):
    """A sound handler: its effect is in the service."""
    post(stage, event["data"], event["id"]).raise_for_status()


def post_body(stage, entry):
    """Post JSON of any kind: to requests, a json=None is none."""
    body, headers = json.dumps(entry), {"Content-Type": "application/json"}
    requests.post(stage.url("chat"), data=body, headers=headers, timeout=2).raise_for_status()


def tells_once(event, stage):
    """It does not look at the answer."""
    post(stage, event["data"], event["id"])


def nothing(event, stage):
    pass


def noted(play):
    return [row["id"] for row in play.tables["notes"]]


def statuses(play, name="office"):
    return [x.status for x in play.traffic.where(receiver=name)]


def webhook(answer):
    """A receiver whose endpoint does what ``answer(stage)`` does."""

    def made(stage):
        app = Flask("office")
        app.post("/webhook", endpoint="webhook")(lambda: answer(stage))
        return app

    return made


# --- A scene ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields, words",
    [
        ({"sender": ""}, "names, each another one"),
        ({"sender": " "}, "names, each another one"),
        ({"receiver": None}, "names, each another one"),
        ({"receiver": "website"}, "names, each another one"),
        ({"services": {"office": Service()}}, "names, each another one"),
        ({"services": {"website": Service()}}, "names, each another one"),
        ({"services": {"": Service()}}, "names, each another one"),
        ({"services": {1: Service()}}, "names, each another one"),
        ({"services": {"chat": "http://127.0.0.1"}}, "services is a dictionary of Service"),
        ({"services": {"chat": Service()} | {"mail": Service}}, "services is a dictionary of Service"),
        ({"services": ["chat"]}, "services is a dictionary of Service"),
        ({"services": None}, "services is a dictionary of Service"),
        ({"tables": NOTES}, "with the comma"),
        ({"tables": (None,)}, "with the comma"),
        ({"secret": ""}, "The secret is a text and not empty"),
        ({"secret": None}, "The secret is a text and not empty"),
        ({"secret": 7}, "The secret is a text and not empty"),
        ({"promise": None}, "the promise is a sentence"),
        ({"broken": "It is not there."}, "broken is a function of the play that returns a text"),
        ({"broken": False}, "broken is a function of the play"),
        ({"broken": ""}, "broken is a function of the play"),
        ({"events": None}, "events is a tuple of 1 to 200 triples"),
        ({"events": (event for event in happened(0))}, "events is a tuple of 1 to 200 triples"),
        ({"events": ()}, "events is a tuple of 1 to 200 triples"),
        ({"events": happened(*range(201))}, "events is a tuple of 1 to 200 triples"),
        ({"events": ((0, "a", {}), (1, "b"))}, "Event 2 is a triple"),
        ({"events": (0, "a", {})}, "Event 1 is a triple"),
        ({"events": ("abc",)}, "Event 1 is a triple"),
        ({"events": ((0, "a", "data"),)}, "Event 1 is a triple"),
        ({"events": ((0, "", {}),)}, "Event 1 cannot be sent: event_type must be a text"),
        ({"events": ((0, 7, {}),)}, "event_type must be a text"),
        ({"events": ((0, "a", {}), (1, "a", {"price": math.nan}))}, "Event 2 cannot be sent: .* JSON"),
        ({"events": ((0, "a", {"these": {1, 2}}),)}, "Event 1 cannot be sent: .* JSON"),
        ({"events": ((0, "a", {"half": "\ud800"}),)}, "Event 1 cannot be sent"),
        ({"events": happened(10, 5)}, r"numbers from 0 to 1440, in order, not \[10, 5\]"),
        ({"events": happened(math.nan)}, "numbers from 0 to 1440"),
        ({"events": happened(0, math.nan)}, "numbers from 0 to 1440"),
        ({"events": happened(-1)}, "numbers from 0 to 1440"),
        ({"events": happened(1441)}, "numbers from 0 to 1440"),
        ({"events": happened(math.inf)}, "numbers from 0 to 1440"),
        ({"events": happened("0")}, "numbers from 0 to 1440"),
        ({"late": (3,)}, r"from 1 to 2, not \(3,\)"),
        ({"late": (0,)}, r"from 1 to 2, not \(0,\)"),
        ({"late": 1}, "from 1 to 2, not 1"),
        ({"late": (1.0,)}, "from 1 to 2, not "),
        ({"twice": (1, "evt_2")}, r"from 1 to 2, not \(1, 'evt_2'\)"),
        ({"twice": (3,)}, r"from 1 to 2, not \(3,\)"),
        ({"within": 0}, "within is a number of minutes"),
        ({"within": 5}, "within is a number of minutes, from 6 to 1440, not 5"),
        ({"within": -1}, "within is a number of minutes"),
        ({"within": 1441}, "within is a number of minutes"),
        ({"within": math.nan}, "within is a number of minutes"),
        ({"within": "60"}, "within is a number of minutes"),
    ],
)
def test_a_scene_that_cannot_be_played_says_why(fields, words):
    with pytest.raises(ValueError, match=words):
        scene(**fields)


@pytest.mark.parametrize(
    "fields, words",
    [
        ({"down": (8, 15)}, r"down is a tuple of pairs of minutes: \(\(8, 15\),\), not \(8, 15\)"),
        ({"down": ((8,),)}, "down is a tuple of pairs"),
        ({"down": ((8, 9, 10),)}, "down is a tuple of pairs"),
        ({"down": ((15, 8),)}, "down is a tuple of pairs"),
        ({"down": ((-1, 8),)}, "down is a tuple of pairs"),
        ({"down": ((0, math.inf),)}, "down is a tuple of pairs"),
        ({"down": (("8", "9"),)}, "down is a tuple of pairs"),
        ({"down": 8}, "down is a tuple of pairs"),
        ({"lost": (3,)}, r"lost is a tuple of pairs of minutes: \(\(8, 15\),\), not \(3,\)"),
        ({"lost": 3}, "lost is a tuple of pairs"),
        ({"lost": ((1, 2, 3),)}, "lost is a tuple of pairs"),
        ({"lost": ((2, 1),)}, "lost is a tuple of pairs"),
        ({"lost": ((0, 2881),)}, "lost is a tuple of pairs"),
        ({"lost": (("1", "2"),)}, "lost is a tuple of pairs"),
        ({"down": ((1, 2),), "lost": ((3, 4), (5,))}, "lost is a tuple of pairs"),
        ({"down_status": 399}, "down_status is a status from 400 to 599, not 399"),
        ({"down_status": 600}, "down_status is a status"),
        ({"down_status": 201}, "down_status is a status"),
        ({"down_status": "503"}, "down_status is a status from 400 to 599, not '503'"),
        ({"down_status": None}, "down_status is a status"),
        ({"down_status": (503,)}, "down_status is a status"),
    ],
)
def test_a_service_that_cannot_be_played_says_why(fields, words):
    with pytest.raises(ValueError, match=words):
        Service(**fields)


def test_the_bounds_themselves_are_allowed():
    assert len(scene(events=happened(*range(200))).events) == 200
    assert scene(events=happened(0, 0, 0.5, 1440), within=1440, late=(1, 4), twice=(4,)).within == 1440
    assert scene(within=6).within == 6
    assert Service(down=[[0, 0], (5, 1440)], lost=[(0.5, 1440)]).lost == [(0.5, 1440)]
    assert [Service(down_status=status).down_status for status in (400, 599)] == [400, 599]
    assert scene(events=[[0, "a", {}]], tables=[NOTES]).within == 60


def test_a_scene_shows_what_happens_and_what_goes_wrong():
    shown = scene(
        events=((0, "a", {"n": 1}), (65, "a_long_name", {"user": "Ada", "n": 22}), (66, "b", {})),
        late=(1,),
        twice=(1, 2),
        services={
            "chat": Service(down=((8, 15), (20, 21)), lost=((3, 4), (5, 66))),
            "crm": Service(knows_keys=False),
        },
        promise="All is well.",
    )
    assert repr(shown).splitlines() == [
        "website → office",
        "  09:00 a n=1                      "
        "(nobody answers at first: it comes 5 minutes later, the answer is lost: it comes again)",
        "  10:05 a_long_name user=Ada n=22  (the answer is lost: it comes again)",
        "  10:06 b",
        "chat: down from 09:08 to 09:15; down from 09:20 to 09:21; "
        "keeps what comes from 09:03 to 09:04, and its answers are lost; "
        "keeps what comes from 09:05 to 10:06, and its answers are lost; understands Idempotency-Key",
        "crm: does not understand Idempotency-Key",
        "Promise: All is well.",
    ]


def test_a_scene_shows_twelve_events_and_counts_the_rest():
    twelve = repr(scene(events=happened(*range(12)))).splitlines()
    assert len(twelve) == 14 and "more" not in repr(twelve)
    wide = repr(scene(events=(*happened(*range(12)), (12, "a_name_that_is_longer_than_theirs", {})), late=(1,)))
    assert "\n  09:00 thing_happened number=1   (nobody answers at first: it comes 5 minutes later)\n" in wide
    many = repr(scene(events=happened(*range(15)), late=(14,))).splitlines()
    assert many[12:14] == ["  09:11 thing_happened number=12", "  … and 3 more, the last at 09:14"] and len(many) == 15


def test_nothing_that_a_scene_shows_acts():
    names = {"sender": "web\x1bsite", "receiver": "off\u202eice", "promise": "kept\x07"}
    shown = repr(scene(events=((0, "a\x1b", {"b\n": "c\x9b" * 100}),), services={"ch\x1bat": Service()}, **names))
    assert shown.startswith("web␛site → off�ice\n  09:00 a␛ b =c�c�") and shown.endswith("…\n"
        "ch␛at: understands Idempotency-Key\nPromise: kept␇")  # fmt: skip
    assert max(map(len, shown.splitlines())) == 92


# --- What goes wrong on the way ---------------------------------------------------------------------------------


def test_each_event_is_delivered_stored_and_handled():
    seen = []
    played = play(scene(tables=(NOTES,)), lambda event, stage: (seen.append(event), note(event, stage)))
    assert seen == [
        {"id": "evt_1", "event_type": "thing_happened", "timestamp": "2026-01-05T09:00:00Z", "data": {"number": 1}},
        {"id": "evt_2", "event_type": "thing_happened", "timestamp": "2026-01-05T09:10:00Z", "data": {"number": 2}},
    ]
    assert played.tables == {"notes": [{"id": "evt_1", "minute": 0.0}, {"id": "evt_2", "minute": 10.0}]}
    assert played.took == {"evt_1": 0, "evt_2": 0} and played.errors == {}
    assert statuses(played) == [202, 202] and played.services == {} and played.called == {} and played.refused == []
    assert played.ok and played.broken == "" and played.early == 0


def test_what_is_late_finds_nobody_and_comes_five_minutes_later_after_others():
    played = play(scene(events=happened(0, 3, 20), late=(1, 3), tables=(NOTES,)), note)
    assert [(x.json()["id"], x.status) for x in played.traffic] == [
        ("evt_1", 503), ("evt_2", 202), ("evt_1", 202), ("evt_3", 503), ("evt_3", 202),
    ]  # fmt: skip
    assert [(row["id"], row["minute"]) for row in played.tables["notes"]] == [("evt_2", 3), ("evt_1", 5), ("evt_3", 25)]
    assert played.took == {"evt_2": 0, "evt_1": 5, "evt_3": 5} and played.errors == {}


def test_what_comes_twice_is_handled_once():
    played = play(scene(twice=(1,), tables=(NOTES,)), note)
    assert [(x.json()["id"], x.status) for x in played.traffic] == [("evt_1", 504), ("evt_1", 202), ("evt_2", 202)]
    assert noted(played) == ["evt_1", "evt_2"] and played.took["evt_1"] == 0 and played.errors == {}


def test_an_event_may_be_late_and_come_twice():
    played = play(scene(events=happened(0), late=(1,), twice=(1,), tables=(NOTES,)), note)
    assert statuses(played) == [503, 504, 202] and noted(played) == ["evt_1"] and played.took == {"evt_1": 5}


def test_events_of_one_minute_and_between_minutes_come_in_their_order():
    played = play(scene(events=happened(0.5, 0.5, 0.7, 3), tables=(NOTES,)), note)
    assert noted(played) == ["evt_1", "evt_2", "evt_3", "evt_4"]
    assert played.took == pytest.approx({"evt_1": 0.5, "evt_2": 0.5, "evt_3": 0.3, "evt_4": 0})


def test_the_last_event_has_its_time_too():
    def unwilling(event, stage):
        if stage.minute() < 8:
            raise ValueError("not yet")

    done = play(scene(events=happened(0.5), within=8), unwilling)  # it is tried in the minutes 1, 2, 4 and 8
    assert done.errors == {} and done.took == {"evt_1": 7.5}
    assert play(scene(events=happened(0, 100), services={"chat": Service(down=((90, 120),))}), tell).took["evt_2"] == 31
    assert play(scene(events=happened(0.5), within=7), unwilling).errors == {"evt_1": "ValueError: not yet"}


def test_a_delivery_that_does_not_arrive_is_undone():
    def unwilling(stage):
        return ("", 500) if stage.minute() else ("", 202)

    played = play(scene(within=6), nothing, webhook(unwilling))
    assert played.errors == {"evt_2": "Not delivered (waiting). Its answers: 500, 500."} and "evt_2" not in played.took
    refusing = play(scene(), nothing, webhook(lambda stage: ("", 400)))
    assert refusing.errors["evt_1"] == "Not delivered (refused). Its answers: 400." and len(refusing.errors) == 2


def test_after_410_nothing_more_is_sent():
    played = play(scene(), nothing, webhook(lambda stage: ("", 410)))
    assert statuses(played) == [410]
    assert played.errors == {
        "evt_1": "Not delivered (gone). Its answers: 410.",
        "evt_2": "Not delivered (gone). Its answers: none.",
    }


def test_each_event_is_sent_although_the_clock_is_moved_on():
    def handle(event, stage):
        stage.clock.sleep(5 * 3600)
        note(event, stage)

    played = play(scene(tables=(NOTES,)), handle)
    assert noted(played) == ["evt_1", "evt_2"] and played.took == {"evt_1": 300, "evt_2": 590} and played.errors == {}


def test_what_the_time_was_over_for_was_not_begun():
    played = play(scene(events=happened(0, 0)), lambda event, stage: stage.clock.sleep(5 * 3600))
    assert played.errors == {"evt_2": "It was not begun."} and played.took.keys() == {"evt_1"}


def test_an_endpoint_that_raises_answers_500_and_is_asked_again():
    played = play(scene(events=happened(0), within=1000), nothing, webhook(lambda stage: 1 / 0))
    assert statuses(played) == [500, 500, 500, 500]
    assert played.errors == {"evt_1": "Not delivered (given up). Its answers: 500, 500, 500, 500."}


def test_what_a_receiver_stores_beside_events_may_be_anything():
    def odd(stage):
        for number, body in enumerate((b"{", b"\xff", b"[]", b"{}", b'{"timestamp": 7}', b'{"timestamp": "now"}')):
            stage.inbox.store(f"odd_{number}", body)
        return "", 202

    played = play(scene(events=happened(3)), nothing, webhook(odd))
    assert played.took == {f"odd_{number}": 3 for number in (2, 3, 4, 5)}
    assert played.errors.keys() == {"odd_0", "odd_1"} and played.errors["odd_0"].startswith("JSONDecodeError")


# --- Services -----------------------------------------------------------------------------------------------


def test_a_service_that_is_down_keeps_nothing():
    chat = Service(down=((0, 2), (10, 11)))
    played = play(scene(services={"chat": chat}), tell)
    assert statuses(played, "chat") == [503, 503, 201, 503, 201]
    assert played.services == {"chat": [{"number": 1}, {"number": 2}]} and played.called == {"chat": [0, 1, 3, 10, 11]}
    assert played.took == {"evt_1": 3, "evt_2": 1}  # again after 1 and 2 minutes


def test_it_is_up_in_the_minute_in_which_its_time_is_over():
    assert statuses(play(scene(events=happened(5), services={"chat": Service(down=((0, 5),))}), tell), "chat") == [201]
    assert statuses(play(scene(events=happened(5), services={"chat": Service(down=((5, 6),))}), tell), "chat") == [
        503, 201,
    ]  # fmt: skip


def test_an_answer_that_is_lost_looks_as_if_nothing_was_kept():
    played = play(scene(services={"chat": Service(lost=((10, 11),))}), tell)
    assert statuses(played, "chat") == [201, 504, 200] and played.services["chat"] == [{"number": 1}, {"number": 2}]
    assert played.took == {"evt_1": 0, "evt_2": 1}


def test_answers_are_lost_from_the_first_minute_on_and_not_in_the_last():
    def lost(*pairs):
        events = happened(4, 5, 6, 7, 8, 9)
        return statuses(play(scene(events=events, services={"chat": Service(lost=pairs)}), tells_once), "chat")

    assert lost((5, 7)) == [201, 504, 504, 201, 201, 201]
    assert lost((4, 5), (8, 9)) == [504, 201, 201, 201, 504, 201]
    assert lost((6, 6)) == [201] * 6


@pytest.mark.parametrize("status", [400, 429, 504])
def test_a_service_that_is_down_answers_as_it_is_said(status):
    played = play(scene(events=happened(0), services={"chat": Service(down=((0, 1),), down_status=status)}), tell)
    assert statuses(played, "chat") == [status, 201] and played.services["chat"] == [{"number": 1}]


def test_what_is_down_keeps_nothing_even_if_its_answers_are_lost_too():
    chat = Service(down=((0, 2),), lost=((0, 10),))
    played = play(scene(events=happened(0), services={"chat": chat}), tell)
    assert statuses(played, "chat") == [503, 503, 504, 200] and played.services["chat"] == [{"number": 1}]


@pytest.mark.parametrize("knows_keys, key", [(False, "k"), (True, None), (False, None)])
def test_without_a_key_or_with_a_service_that_knows_none_it_is_kept_again(knows_keys, key):
    def handle(event, stage):
        post(stage, event["data"], key).raise_for_status()

    played = play(scene(events=happened(0), services={"chat": Service(lost=((0, 1),), knows_keys=knows_keys)}), handle)
    assert statuses(played, "chat") == [504, 201] and played.services["chat"] == [{"number": 1}] * 2


def test_a_second_entry_of_the_same_key_is_the_first_one_again():
    played = play(scene(services={"chat": Service()}), lambda event, stage: post(stage, event["data"], "one key"))
    assert statuses(played, "chat") == [201, 200] and played.services["chat"] == [{"number": 1}]


def test_an_answer_is_lost_once_although_its_entry_comes_again():
    def handle(event, stage):
        post(stage, event["data"], event["id"])
        post(stage, event["data"], event["id"])

    played = play(scene(events=happened(0), services={"chat": Service(lost=((0, 60),))}), handle)
    assert statuses(played, "chat") == [504, 200] and played.services["chat"] == [{"number": 1}]


@pytest.mark.parametrize("body", [b"", b"{", b"text=hello", b"\xff"])
def test_what_is_not_json_is_refused(body):
    def handle(event, stage):
        headers = {"Content-Type": "application/json"}
        answer = requests.post(stage.url("chat"), data=body, headers=headers, timeout=2)
        assert (answer.status_code, answer.json()) == (400, {"error": "a body of JSON is wanted"})

    played = play(scene(services={"chat": Service()}), handle)
    assert played.services == {"chat": []} and played.errors == {} and played.called == {"chat": [0, 10]}


@pytest.mark.parametrize("entry", [0, False, "", [], {}, None])
def test_json_that_is_empty_is_kept(entry):
    played = play(scene(events=happened(0), services={"chat": Service()}), lambda event, stage: post_body(stage, entry))
    assert played.services == {"chat": [entry]}


def test_json_that_does_not_say_that_it_is_is_refused():
    def handle(event, stage):
        assert requests.post(stage.url("chat"), data=b"{}", timeout=2).status_code == 400

    assert play(scene(services={"chat": Service()}), handle).errors == {}


def test_what_is_put_takes_the_place_of_what_came_to_its_path():
    def handle(event, stage):
        def put(path, n, status):
            headers = {"Idempotency-Key": "a key"}  # which is for POST
            answer = requests.put(stage.url("chat") + path, json={"n": n}, headers=headers, timeout=2)
            assert answer.status_code == status

        for path, n, status in ("/a", 1, 201), ("/b", 2, 201), ("/a", 3, 200), ("", 4, 201), ("/", 5, 200):
            put(path, n, status)
        assert post(stage, {"n": 6}, "a key").status_code == 201

    played = play(scene(events=happened(0), services={"chat": Service()}), handle)
    assert played.services == {"chat": [{"n": 3}, {"n": 2}, {"n": 5}, {"n": 6}]} and played.errors == {}


def test_what_is_put_first_is_kept_although_its_answer_is_lost():
    def handle(event, stage):
        requests.put(stage.url("chat") + "/a", json=event["data"], timeout=2).raise_for_status()

    chat = Service(lost=((0, 60),), down=((10, 11),), knows_keys=False)
    played = play(scene(services={"chat": chat}), handle)
    assert statuses(played, "chat") == [504, 200, 503, 200] and played.services["chat"] == [{"number": 2}]


def test_a_service_takes_posts_at_any_path_and_nothing_else():
    def handle(event, stage):
        assert requests.post(stage.url("chat") + "/rooms/1", json={"at": "a path"}, timeout=2).status_code == 201
        for other in ("GET", "PATCH", "DELETE"):
            assert requests.request(other, stage.url("chat"), json={}, timeout=2).status_code == 405

    played = play(scene(events=happened(0), services={"chat": Service()}), handle)
    assert played.services == {"chat": [{"at": "a path"}]} and played.errors == {}


def test_each_service_is_one_of_its_own():
    def handle(event, stage):
        post(stage, "hello", name="mail")
        assert stage.url("mail") != stage.url("chat")

    played = play(scene(services={"chat": Service(), "mail": Service(), "crm": Service()}), handle)
    assert played.services == {"chat": [], "mail": ["hello", "hello"], "crm": []}
    assert played.called == {"chat": [], "mail": [0, 10], "crm": []} and played.errors == {}


@pytest.mark.parametrize("services, words", [({}, "It has: none."), ({"crm": Service()}, "It has: crm.")])
def test_a_service_that_is_not_there_is_told(services, words):
    played = play(scene(services=services), tell)
    assert played.errors["evt_1"] == f"ValueError: This scene has no service 'chat'. {words}"


def test_a_service_may_be_used_before_it_is_said_which_others_there_are():
    urls = []

    def receiving(stage):
        urls.append(stage)
        return receiver(stage)

    play(scene(services={"crm": Service(), "chat": Service()}), nothing, receiving)
    with pytest.raises(ValueError, match=r"no service 'mail'\. It has: crm, chat\."):
        urls[0].url("mail")


# --- The handler ------------------------------------------------------------------------------------------------


def test_a_handler_that_raises_is_called_again_and_then_what_is_left_undone_is_told():
    called = []

    def handle(event, stage):
        called.append(stage.minute())
        note(event, stage)
        raise ValueError("no\x1b")

    played = play(scene(events=happened(1), within=500, tables=(NOTES,)), handle)
    assert called == [1, 2, 4, 8, 16, 32, 64]
    assert played.tables == {"notes": []} and played.took == {} and played.errors == {"evt_1": "ValueError: no␛"}


def test_what_it_executed_before_it_raised_is_undone_and_there_once_in_the_end():
    def handle(event, stage):
        note(event, stage)
        if stage.minute() < 3:
            raise ValueError("not yet")

    played = play(scene(tables=(NOTES,)), handle)
    assert played.tables["notes"] == [{"id": "evt_1", "minute": 3}, {"id": "evt_2", "minute": 10}]
    assert played.took == {"evt_1": 3, "evt_2": 0} and played.errors == {}


def test_another_event_does_not_wait_for_one_that_fails():
    def handle(event, stage):
        if event["id"] == "evt_1":
            raise ValueError("never")
        note(event, stage)

    played = play(scene(tables=(NOTES,)), handle)
    assert (
        noted(played) == ["evt_2"] and played.errors == {"evt_1": "ValueError: never"} and played.took == {"evt_2": 0}
    )


def test_a_follow_up_is_handled_with_an_id_and_a_time_of_its_own():
    def handle(event, stage):
        note(event, stage)
        if event["event_type"] == "thing_happened":
            step = make_event("next_step", {}, id=event["id"] + ".next", timestamp=event["timestamp"])
            stage.inbox.store(step["id"], encode(step))
        elif stage.minute() - stage.minute(event) < 1:
            raise ValueError("not yet")

    played = play(scene(tables=(NOTES,)), handle)
    assert noted(played) == ["evt_1", "evt_1.next", "evt_2", "evt_2.next"]
    assert played.took == {"evt_1": 0, "evt_1.next": 1, "evt_2": 0, "evt_2.next": 1}


def test_the_follow_up_of_a_handler_that_raises_is_undone():
    def handle(event, stage):
        stage.inbox.store(event["id"] + ".next", encode(event))
        raise ValueError("no")

    assert play(scene(), handle).errors == {"evt_1": "ValueError: no", "evt_2": "ValueError: no"}


def test_a_handler_that_stores_a_next_event_each_time_is_told(left, databases):
    calls = []

    def handle(event, stage):
        calls.append(event["id"])
        stage.inbox.store(f"next_{len(calls)}", encode(event))

    with pytest.raises(
        RuntimeError, match=r"The handler was called 1040 times: does it store a next event each time\?"
    ):
        play(scene(**FULL), handle)
    assert len(calls) == 1040 and left() == NOTHING and all(map(closed, databases))
    same = scene(tables=(NOTES,))
    assert all(len(noted(play(same, note))) == 2 for _ in range(2))  # each play counts its own


def test_a_stage_tells_the_minute_of_now_and_of_an_event():
    minutes = []

    def handle(event, stage):
        minutes.append((stage.minute(event), stage.minute(), stage.clock.now() - START))

    play(scene(events=happened(0, 3.5), late=(2,)), handle)
    assert minutes == [(0, 0, 0), (3.5, 9, 9 * 60)]


def test_a_handler_has_the_scene_at_hand():
    played = scene(promise="p")
    stages = []
    play(played, lambda event, stage: stages.append(stage.scene))
    assert stages == [played, played]


def coroutine():
    async def handle(event, stage): ...

    return handle


def generator(event, stage):
    yield


async def stream(event, stage):
    yield


@pytest.mark.parametrize("handle", [coroutine(), generator, stream])
def test_a_handler_that_has_done_nothing_when_it_returns_is_refused(handle):
    with pytest.raises(TypeError, match="without async and yield"):
        play(scene(), handle)


@pytest.mark.parametrize("later", [coroutine(), generator])
def test_one_that_only_returns_such_a_thing_is_told(later):
    played = play(scene(events=happened(0)), lambda event, stage: later(event, stage))
    assert "has done nothing yet when it returns" in played.errors["evt_1"] and played.took == {}


@pytest.mark.parametrize("handle", [None, "tell", {"evt_1": 1}])
def test_a_handler_can_be_called(handle):
    with pytest.raises(TypeError, match=r"The handler is a function, handle\(event, stage\), not"):
        play(scene(), handle)


def test_a_handler_of_other_arguments_is_told():
    assert "positional argument" in play(scene(), lambda event: None).errors["evt_1"]


@pytest.mark.parametrize("given", [None, "a scene", Scene])
def test_there_is_a_scene(given):
    with pytest.raises(TypeError, match="The first argument is a Scene, not"):
        play(given, nothing)


# --- What is told -----------------------------------------------------------------------------------------------


def test_tables_are_those_of_the_scene_with_their_rows():
    statements = (
        "CREATE TABLE 'two words' (a INTEGER, b TEXT)",
        "INSERT INTO 'two words' VALUES (1, 'x'), (2, NULL)",
        "CREATE TABLE sqlite3_users (name)",
        'CREATE TABLE "a""b" (c)',
        "CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT)",
        "CREATE INDEX of_a ON 'two words' (a)",
        "ANALYZE",
    )
    played = play(scene(tables=statements), lambda event, stage: stage.db.execute("CREATE TABLE more (c)"))
    assert played.tables == {
        "two words": [{"a": 1, "b": "x"}, {"a": 2, "b": None}], "sqlite3_users": [], 'a"b': [], "counted": [],
    }  # fmt: skip
    assert [*played.tables] == ["two words", "sqlite3_users", 'a"b', "counted"]


def test_a_table_that_the_handler_has_dropped_is_not_there():
    played = play(scene(tables=(NOTES,)), lambda event, stage: stage.db.execute("DROP TABLE IF EXISTS notes"))
    assert played.tables == {} and played.at_first == {"notes": []} and played.errors == {}


def test_what_the_tables_held_at_first_is_told():
    played = play(scene(tables=(NOTES, "INSERT INTO notes VALUES ('before', -1)")), note)
    assert played.at_first == {"notes": [{"id": "before", "minute": -1}]}
    assert noted(played) == ["before", "evt_1", "evt_2"]


def test_each_play_begins_with_empty_tables():
    same = scene(tables=(NOTES,))
    assert play(same, note).tables == play(same, note).tables


def test_the_traffic_says_who_sent_what_to_whom():
    played = play(scene(twice=(1,), services={"chat": Service(), "crm": Service()}), tell)
    assert played.traffic.name == "office" and {x.recorded_by for x in played.traffic} == {"sender"}
    assert [(x.sender, x.receiver, x.path) for x in played.traffic] == [
        ("website", "office", "/webhook"), ("office", "chat", "/"),
        ("website", "office", "/webhook"),
        ("website", "office", "/webhook"), ("office", "chat", "/"),
    ]  # fmt: skip


def test_what_crosses_the_wire_is_signed():
    played = play(scene(secret="whsec_" + "QW5vdGhlciBvbmUh" * 2), nothing)
    assert statuses(played) == [202, 202]
    assert all("webhook-signature" in x.headers and x.headers["webhook-id"].startswith("evt_") for x in played.traffic)


def test_the_same_play_is_told_the_same():
    same = scene(services={"chat": Service(down=((0, 3),), lost=((15, 16),))}, late=(2,), twice=(1,), promise="p")
    assert repr(play(same, tell)) == repr(play(same, tell)) and repr(same) == repr(same)


def test_a_promise_that_was_kept():
    kept = scene(promise="It is\x1b there.", services={"ch\x1bat": Service()}, broken=lambda play: None)
    assert repr(play(kept, nothing)) == (
        "✓ Kept: It is␛ there.\n2 events, delivered in 2 attempts; 0 calls of ch␛at, 0 failed."
    )
    assert play(kept, nothing).ok


def test_a_promise_that_nobody_looked_for_is_not_said_to_be_kept():
    played = play(scene(promise="It is\x1b there."), nothing)
    assert repr(played) == "○ Not checked: It is␛ there.\n2 events, delivered in 2 attempts."
    assert played.ok and played.broken == ""


@pytest.mark.parametrize("broken", [None, lambda play: ""])
def test_where_something_is_left_undone_it_is_not_said_to_be_kept(broken):
    played = play(scene(events=happened(0), promise="It is\x1b there.", broken=broken), always_raises)
    assert (played.ok, played.broken) == (False, "")
    assert repr(played).splitlines() == [
        "✗ Undone: It is␛ there.",
        "1 event, delivered in 1 attempt.",
        "Not done: evt_1. ValueError: never",
    ]


def test_what_is_broken_and_undone_is_broken():
    played = play(
        scene(events=happened(0), promise="p", broken=lambda play: f"Not done: {[*play.errors]}."), always_raises
    )
    assert not played.ok and repr(played).splitlines() == [
        "✗ Broken: p",
        "Not done: ['evt_1'].",
        "1 event, delivered in 1 attempt.",
        "Not done: evt_1. ValueError: never",
    ]


def test_a_promise_that_was_broken():
    broken = scene(
        events=happened(0),
        promise="Nothing is there.",
        services={"chat": Service(down=((0, 1),)), "crm": Service()},
        broken=lambda play: f"It has\x1b {play.services['chat']}.",
    )
    played = play(broken, tell)
    assert not played.ok and played.broken == "It has\x1b [{'number': 1}]."
    assert repr(played).splitlines() == [
        "✗ Broken: Nothing is there.",
        "It has␛ [{'number': 1}].",
        "1 event, delivered in 1 attempt; 2 calls of chat, 1 failed; 0 calls of crm, 0 failed.",
    ]
    assert repr(play(scene(events=happened(0), services={"chat": Service()}), tell)).endswith(
        "1 call of chat, 0 failed."
    )


def test_a_sentence_of_any_length_is_shortened():
    lines = repr(play(scene(broken=lambda play: "x" * 1000), nothing)).splitlines()
    assert lines[1] == "x" * 599 + "…"


def test_what_is_undone_is_shown_with_five_errors_at_the_most():
    def handle(event, stage):
        raise ValueError("a\n" + "b" * 300)

    lines = repr(play(scene(events=happened(*range(6))), handle)).splitlines()
    assert (
        len(lines) == 7
        and lines[2].startswith("Not done: evt_1. ValueError: a␊bbb")
        and lines[6].startswith("Not done: evt_5.")
    )
    assert all(line.endswith("b…") and len(line) == len("Not done: evt_1. ") + 200 for line in lines[2:])


def test_the_id_of_what_is_undone_does_not_act():
    played = play(
        scene(events=happened(0)), nothing, webhook(lambda stage: stage.inbox.store("a\x1b", b"{") and ("", 202))
    )
    assert played.errors.keys() == {"a\x1b"} and "Not done: a␛. JSONDecodeError" in repr(played)


@pytest.mark.parametrize(
    "broken, words",
    [
        (lambda play: play.tables["none"], "KeyError when it was looked for: 'none'"),
        (lambda play: 1 / 0, "ZeroDivisionError when it was looked for: division by zero"),
        (lambda play: 7, "broken= returned 7: it returns a text."),
        (lambda play: True, "broken= returned True: it returns a text."),
        (lambda play: ["a", "b"], "broken= returned ['a', 'b']: it returns a text."),
    ],
)
def test_a_promise_that_cannot_be_looked_for_is_broken(broken, words):
    played = play(scene(broken=broken), nothing)
    assert (played.ok, played.broken) == (False, words) and words in repr(played)


@pytest.mark.parametrize("empty", [None, "", False, []])
def test_a_promise_is_kept_if_nothing_is_said(empty):
    played = play(scene(broken=lambda play: empty), nothing)
    assert played.ok and played.broken == ""


# --- Whatever happens, nothing stays behind -------------------------------------------------------------------------


@pytest.fixture
def left():
    """What is up, and which threads, before; call it: what of it has come since, and whether requests is watched."""
    adapter, up, threads = requests.adapters.HTTPAdapter.send, running(), set(threading.enumerate())

    def left():
        more = [t.name for t in threading.enumerate() if t not in threads and t.name.startswith("serve ")]
        return [thing for thing in running() if thing not in up], more, requests.adapters.HTTPAdapter.send is adapter

    return left


NOTHING = [], [], True
FULL = {"services": {"chat": Service(), "crm": Service()}, "tables": (NOTES,)}


@pytest.fixture
def databases(monkeypatch):
    """The databases that are opened by stages."""
    opened = []

    class Database(bench.Database):
        def __init__(self, path):
            super().__init__(path)
            opened.append(self)

    monkeypatch.setattr(bench, "Database", Database)
    return opened


def closed(database):
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        database.execute("SELECT 1")
    return True


def test_nothing_is_up_when_it_has_been_played(left, databases):
    up = []
    play(scene(**FULL), lambda event, stage: up.append(sorted(thing.name for thing in running())))
    assert up == [["chat", "crm", "office"]] * 2 and left() == NOTHING and len(databases) == 1
    assert all(map(closed, databases))


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_nothing_is_up_when_it_was_interrupted(left, databases, error):
    def handle(event, stage):
        raise error

    with pytest.raises(error):
        play(scene(**FULL), handle)
    assert left() == NOTHING and all(map(closed, databases))


def test_nothing_is_up_when_it_was_interrupted_by_its_verdict(left, databases):
    def broken(play):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        play(scene(broken=broken, **FULL), nothing)
    assert left() == NOTHING and all(map(closed, databases))


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABEL notes (id)",
        "INSERT INTO none VALUES (1)",
        "CREATE TABLE inbox (a)",
        "CREATE TABLE a (b); SELECT 1",
    ],
)
def test_a_statement_that_is_wrong_is_told_and_nothing_is_up(left, databases, statement):
    with pytest.raises(
        ValueError, match=f"^'{re.escape(statement)}' cannot be executed: .* tables of its own: .*inbox"
    ):
        play(scene(tables=(NOTES, statement)), nothing)
    assert left() == NOTHING and all(map(closed, databases)) and len(databases) == 1


def test_a_transaction_that_is_begun_by_a_statement_is_told(databases):
    with pytest.raises(ValueError, match="A statement of tables has begun a transaction"):
        play(scene(tables=(NOTES, "BEGIN")), nothing)
    assert all(map(closed, databases))


@pytest.mark.parametrize("given", [None, "receiver", Flask("office")])
def test_a_receiver_is_a_function_and_no_app(given):
    for function in (play, trials):
        with pytest.raises(TypeError, match=r"The receiver is a function, receiver\(stage\), that returns a Flask app"):
            function(scene(), nothing, given)


@pytest.mark.parametrize("made", [None, "app", 7])
def test_a_receiver_that_makes_no_app_is_told_and_nothing_is_up(left, databases, made):
    with pytest.raises(TypeError, match=rf"receiver\(stage\) returns a Flask app, not {type(made).__name__}"):
        play(scene(**FULL), nothing, lambda stage: made)
    assert left() == NOTHING and all(map(closed, databases))


def test_a_receiver_that_raises_is_told_and_nothing_is_up(left, databases):
    with pytest.raises(ZeroDivisionError):
        play(scene(**FULL), nothing, lambda stage: 1 / 0)
    assert left() == NOTHING and all(map(closed, databases))


def test_a_secret_that_cannot_be_read_is_told_and_nothing_is_up(left, databases):
    with pytest.raises(ValueError, match="secret"):
        play(scene(secret="open sesame", **FULL), nothing)
    assert left() == NOTHING and all(map(closed, databases))


def test_a_server_of_yours_of_the_same_name_stays_up_and_keeps_its_traffic():
    yours = {name: serve(webhook(lambda stage: ("", 204))(None), name) for name in ("office", "chat")}
    for server in yours.values():
        requests.post(server.url + "/webhook", timeout=2)
    play(scene(services={"chat": Service()}), tell)
    for server in yours.values():
        assert server.running and len(server.traffic) == 1
        assert requests.post(server.url + "/webhook", timeout=2).status_code == 204


def test_what_you_send_afterwards_is_sent_under_your_own_name():
    play(scene(), nothing)
    with serve(webhook(lambda stage: ("", 204))(None), "yours") as server, watch("me") as sent:
        requests.post(server.url + "/webhook", timeout=2)
    assert [x.sender for x in sent] == ["me"]


def test_a_scene_may_be_played_while_another_one_is():
    inner = []

    def handle(event, stage):
        inner.append(play(scene(sender="inner", **FULL), lists_and_tells))
        lists_and_tells(event, stage)

    played = play(scene(events=happened(0), **FULL), handle)
    assert noted(played) == ["evt_1"] and noted(inner[0]) == ["evt_1", "evt_2"]
    assert [(x.sender, x.receiver) for x in played.traffic] == [("website", "office"), ("office", "chat")]
    assert [(x.sender, x.receiver) for x in inner[0].traffic] == [("inner", "office"), ("office", "chat")] * 2


def test_what_is_sent_elsewhere_meanwhile_is_not_of_the_scene():
    with serve(webhook(lambda stage: ("", 204))(None), "yours") as server:
        played = play(scene(), lambda event, stage: requests.post(server.url + "/webhook", timeout=2))
    assert len(server.traffic) == 2 and [x.receiver for x in played.traffic] == ["office", "office"]


# --- A stranger, and trials -----------------------------------------------------------------------------------------


FORGERIES = "that somebody else has signed", "that nobody has signed", "that was changed after it was signed"


def told_by(statuses):
    return list(zip(FORGERIES, statuses, strict=True))


def test_a_strangers_deliveries_are_refused_and_not_handled():
    played = perform(scene(tables=(NOTES,)), note, receiver, forge=True)
    assert played.refused == told_by([401, 401, 401]) * 2
    assert noted(played) == ["evt_1", "evt_2"] and played.errors == {} and played.took.keys() == {"evt_1", "evt_2"}
    theirs = [[(f"evt_{MOST_EVENTS + number}", 401, "stranger")] * 3 for number in (1, 2)]  # as none of the scene
    assert [(x.json()["id"], x.status, x.sender) for x in played.traffic] == [
        *theirs[0], ("evt_1", 202, "website"), *theirs[1], ("evt_2", 202, "website"),
    ]  # fmt: skip


def test_each_of_a_strangers_deliveries_has_one_thing_wrong_with_it():
    signed, unsigned, changed, genuine = perform(scene(events=happened(3)), nothing, receiver, forge=True).traffic
    for forged in (signed, unsigned, changed):
        assert forged.json() == genuine.json() | {"id": f"evt_{MOST_EVENTS + 1}"} and forged.path == "/webhook"
        assert forged.headers["Content-Type"] == "application/json"
        assert forged.headers["webhook-id"] == f"evt_{MOST_EVENTS + 1}"
        assert forged.headers["webhook-timestamp"] == genuine.headers["webhook-timestamp"]
    assert "webhook-signature" not in unsigned.headers and unsigned.body == signed.body
    assert changed.headers["webhook-signature"] != signed.headers["webhook-signature"]
    assert len(changed.body) == len(signed.body) + 1
    secret = scene().secret
    for body, headers in ((signed.body, changed.headers), (genuine.body, genuine.headers)):
        verify(body, headers, secret, clock=SimulatedClock(START + 180))  # the headers are those of a genuine one
    for forged in (signed, unsigned, changed):
        with pytest.raises(SignatureError):
            verify(forged.body, forged.headers, secret, clock=SimulatedClock(START + 180))


@pytest.mark.parametrize("status", [410, 429, 500, 302])
def test_a_stranger_asks_for_each_event_three_times_whatever_the_answer_is(status):
    played = perform(
        scene(), nothing, webhook(lambda stage: ("", 202) if verified(stage) else ("", status, {"Location": "/"})),
        forge=True,
    )  # fmt: skip
    assert played.refused == told_by([status] * 3) * 2
    assert statuses(played) == [status] * 3 + [202] + [status] * 3 + [202] and played.errors == {}


def test_without_a_stranger_and_a_restart_there_is_none():
    made = []
    played = play(scene(twice=(1, 2)), nothing, lambda stage: made.append(stage) or receiver(stage))
    assert played.refused == [] and len(made) == 1
    assert {x.sender for x in played.traffic} == {"website"}


def test_a_restarted_receiver_is_made_anew_on_the_same_stage_for_each_delivery():
    made = []
    same = scene(twice=(1,), late=(2,), tables=(NOTES,))
    played = perform(same, note, lambda stage: made.append(stage) or receiver(stage), restarts=True)
    assert statuses(played) == [504, 202, 503, 202] and noted(played) == ["evt_1", "evt_2"]
    assert len(made) == 1 + 3 and len(set(map(id, made))) == 1  # what found nobody has started nobody


def test_a_receiver_that_cannot_be_started_again_answers_500():
    made = []

    def once(stage):
        made.append(stage)
        return receiver(stage) if len(made) == 1 else None

    played = perform(scene(events=happened(0)), nothing, once, restarts=True)
    assert set(statuses(played)) == {500} and played.errors["evt_1"].startswith(
        "Not delivered (waiting). Its answers: 500, 500"
    )


def verified(stage):
    try:
        verify(request.get_data(), request.headers, stage.scene.secret, clock=stage.clock)
    except SignatureError:
        return False
    return True


def stored(stage):
    stage.inbox.store(request.headers["webhook-id"], request.get_data())
    return "", 202


def answering(status):
    return webhook(lambda stage: stored(stage) if verified(stage) else ("", status))


def stores_before_it_verifies(stage):
    stored(stage)
    return ("", 202) if verified(stage) else ("", 401)


def test_work_after_an_endpoint_that_raised_is_not_early():
    calls = []

    def receiving(stage):
        def app(environ, start_response):
            calls.append(1)
            return receiver(stage)(environ, start_response) if len(calls) > 1 else 1 / 0

        return app

    played = play(scene(services={"chat": Service()}), tell, receiving)
    assert statuses(played)[0] == 500 and played.early == 0 and played.errors == {}


def looks_only_whether_it_is_signed(stage):
    """And whether it is written as a sender writes it."""
    written = request.get_data() == encode(request.get_json())
    return stored(stage) if "webhook-signature" in request.headers and written else ("", 401)


def verifies_what_is_signed(stage):
    return stored(stage) if "webhook-signature" not in request.headers or verified(stage) else ("", 401)


def verifies_what_it_has_parsed(stage):
    try:
        verify(encode(request.get_json()), request.headers, stage.scene.secret, clock=stage.clock)
    except SignatureError:
        return "", 401
    return stored(stage)


def with_the_secret_in_its_source(stage):
    try:
        verify(request.get_data(), request.headers, "whsec_RXhhbXBsZSBvbmx5RXhhbXBsZSBvbmx5", clock=stage.clock)
    except SignatureError:
        return "", 401
    return stored(stage)


def without_the_clock(stage):
    try:
        verify(request.get_data(), request.headers, stage.scene.secret)
    except SignatureError:
        return "", 401
    return stored(stage)


def remembering(stage):
    """A receiver that knows in memory alone what it has seen."""
    seen = set()

    def answer(stage):
        if not verified(stage):
            return "", 401
        if request.headers["webhook-id"] not in seen:
            seen.add(request.headers["webhook-id"])
            note(request.get_json(), stage)
        return "", 202

    return webhook(answer)(stage)


def keeps_each_id_once(stage):
    if not verified(stage):
        return "", 401
    stage.db.execute("INSERT OR IGNORE INTO notes VALUES (?, ?)", request.headers["webhook-id"], stage.minute())
    return "", 202


def starting_once():
    """A receiver that cannot be started a second time on the same stage."""
    started = set()

    def receiving(stage):
        if stage in started:
            raise RuntimeError("It has been started.")
        started.add(stage)
        return receiver(stage)

    return receiving


def works_before_it_answers(stage):
    if not verified(stage):
        return "", 401
    tell(request.get_json(), stage)
    return "", 202


def without_an_inbox(stage):
    if not verified(stage):
        return "", 401
    note(request.get_json(), stage)
    return "", 202


def without_a_key(event, stage):
    post(stage, event["data"]).raise_for_status()


def with_a_new_key_each_time(event, stage):
    post(stage, event["data"], f"{event['id']} {stage.minute()}").raise_for_status()


def swallows(event, stage):
    post(stage, event["data"], event["id"])  # its status is not looked at


def takes_its_time(minutes, handle):
    def slow(event, stage):
        if stage.minute() < stage.minute(event) + minutes:
            raise ValueError("not yet")
        handle(event, stage)

    return slow


def tells_when(event, stage):
    post(stage, {"at": stage.minute()}, event["id"]).raise_for_status()


def takes_504_for_done(event, stage):
    answer = post(stage, event["data"])
    if answer.status_code != 504:
        answer.raise_for_status()


def copies(event, stage):
    """It shows a newer state only."""
    newer = "INSERT INTO shown VALUES ('it', ?) ON CONFLICT(name) DO UPDATE SET n = excluded.n WHERE excluded.n > n"
    if stage.db.execute(newer + " RETURNING 1", event["data"]["number"]):
        tell(event, stage)


def shows_another(last):
    def broken(play):
        shown = play.services["chat"][-1]["number"]
        return "" if shown == last else f"It shows {shown}."

    return broken


def drops_late_news(event, stage):
    if stage.minute() - stage.minute(event) < 3:
        tell(event, stage)


def counts_and_tells_the_first(event, stage):
    """In another order where the first has to be told again, with other minutes and numbers of rows."""
    stage.db.execute("INSERT INTO counted (id, minute) VALUES (?, ?)", event["id"], stage.minute())
    if event["id"] == "evt_1":
        tell(event, stage)


def drops_its_table_the_second_time(event, stage):
    if stage.minute() > stage.minute(event):
        stage.db.execute("DROP TABLE notes")
    else:
        note(event, stage)
    tell(event, stage)


def lists(event, stage):
    if event["id"] == "evt_1" and stage.minute() < 15:
        raise ValueError("not yet")
    stage.db.execute("INSERT INTO notes (id) VALUES (?)", event["id"])


def lists_and_tells(event, stage):
    stage.db.execute("INSERT INTO notes (id) VALUES (?)", event["id"])
    tell(event, stage)


def always_raises(event, stage):
    raise ValueError("never")


CHAT = {"services": {"chat": Service()}}
TABLE = {"tables": (NOTES,)}
COPY = CHAT | {"tables": ("CREATE TABLE shown (name TEXT PRIMARY KEY, n INTEGER)",), "events": happened(0, 5)}
COUNTED = "CREATE TABLE counted (n INTEGER PRIMARY KEY, id TEXT, minute REAL)"


@pytest.mark.parametrize(
    "fields, handle, receiving",
    [
        (CHAT, tell, receiver),
        (TABLE, note, receiver),
        (CHAT | TABLE, lists_and_tells, answering(401)),
        ({"services": {"chat": Service(knows_keys=False)}}, without_a_key, receiver),
        (CHAT | {"within": 6, "events": happened(0)}, tell, receiver),
        (TABLE | {"within": 15, "events": happened(0, 20)}, lists, receiver),  # it takes all the time it has
        (CHAT, tells_when, receiver),
        (CHAT | {"tables": (COUNTED,), "events": happened(0, 0)}, counts_and_tells_the_first, receiver),
        ({"tables": ("CREATE TABLE notes (id TEXT PRIMARY KEY, minute REAL)",)}, nothing, webhook(keeps_each_id_once)),
        (CHAT | {"secret": "whsec_" + "b25lIG9mIGl0cyBvd24h" * 2}, tell, receiver),
        # The promise says what may be left out.
        (COPY | {"broken": shows_another(2)}, copies, receiver),
        (
            CHAT | {"broken": lambda play: "" if play.services["chat"] else "It is not there."},
            drops_late_news,
            receiver,
        ),
        # Its own troubles are left out.
        (
            {"services": {"chat": Service(down=((0, 1000),), lost=((0, 1000),))}, "late": (1, 2), "twice": (1,)},
            tell,
            receiver,
        ),
        (CHAT | {"late": (1, 2), "within": 6}, tell, receiver),
        ({"services": {"chat": Service(), "crm": Service(down=((0, 1000),))}}, tell, receiver),
    ],
)
def test_what_is_sound_passes_all_three(fields, handle, receiving):
    assert [(t.name, t.wrong, t.ok) for t in trials(scene(**fields), handle, receiving)] == [
        ("signed", "", True), ("once", "", True), ("in time", "", True),
    ]  # fmt: skip


ELSE, NOBODY, CHANGED = (f"A delivery {wrong} was answered with {{}}: 401 refuses it." for wrong in FORGERIES)
STRANGE = "With another secret at both ends, and a stranger's deliveries in between, "
ANEW = " A call without an Idempotency-Key is a new one each time."
DOUBLED = "With each delivery twice, and a receiver that is started again, "


@pytest.mark.thorough
@pytest.mark.parametrize(
    "fields, handle, receiving, wrong",
    [
        (CHAT, tell, webhook(stored), {"signed": ELSE.format(202)}),
        (CHAT, tell, answering(400), {"signed": ELSE.format(400)}),
        (CHAT, tell, answering(200), {"signed": ELSE.format(200)}),
        (
            CHAT,
            tell,
            webhook(looks_only_whether_it_is_signed),
            {"signed": ELSE.format(202)},
        ),
        (
            CHAT,
            tell,
            webhook(verifies_what_is_signed),
            {"signed": NOBODY.format(202)},
        ),
        (
            CHAT,
            tell,
            webhook(verifies_what_it_has_parsed),
            {"signed": CHANGED.format(202)},
        ),
        (
            CHAT,
            tell,
            webhook(stores_before_it_verifies),
            {"signed": STRANGE + "chat holds 4 instead of 2."},
        ),
        (
            CHAT,
            tell,
            webhook(with_the_secret_in_its_source),
            {
                "signed": STRANGE
                + "chat holds 0 instead of 2. The first error: Not delivered (waiting). Its answers: 401, 401, 401."
            },
        ),
        (
            CHAT,
            without_a_key,
            receiver,
            {"once": "With each answer of chat lost once, chat holds 13 instead of 2." + ANEW},
        ),
        (
            CHAT,
            with_a_new_key_each_time,
            receiver,
            {"once": "With each answer of chat lost once, chat holds 13 instead of 2." + ANEW},
        ),
        (
            {"services": {"crm": Service(), "chat": Service()}, "events": happened(0)},
            lambda event, stage: (post(stage, 1, "a", "crm").raise_for_status(), post(stage, 2).raise_for_status())[0],
            receiver,
            {"once": "With each answer of chat lost once, chat holds 6 instead of 1." + ANEW},
        ),
        (TABLE, nothing, webhook(without_an_inbox), {"once": DOUBLED + "notes holds 4 instead of 2."}),
        (TABLE, nothing, remembering, {"once": DOUBLED + "notes holds 4 instead of 2."}),
        (
            CHAT,
            tell,
            starting_once(),
            {
                "once": DOUBLED + "chat holds 0 instead of 2. "
                "The first error: Not delivered (waiting). Its answers: 500, 500, 500."
            },
        ),
        (CHAT, swallows, receiver, {"in time": "With chat down for 10 minutes at 09:00, chat holds 1 instead of 2."}),
        (
            CHAT,
            takes_504_for_done,
            receiver,
            {"in time": "With chat down for 10 minutes at 09:00, chat holds 1 instead of 2."},
        ),
        (
            {"services": {"chat": Service(knows_keys=False)}},
            takes_504_for_done,
            receiver,
            {"in time": "With chat down for 10 minutes at 09:00, chat holds 1 instead of 2."},
        ),
        (COPY, copies, receiver, {"in time": "With chat down for 10 minutes at 09:00, chat holds 1 instead of 2."}),
        (
            CHAT,
            drops_late_news,
            receiver,
            {"in time": "With chat down for 10 minutes at 09:00, chat holds 1 instead of 2."},
        ),
        (
            CHAT | {"events": happened(0, 5), "broken": shows_another(2)},
            tell,  # without a guard: the first one comes last
            receiver,
            {"in time": "With chat down for 10 minutes at 09:00: It shows 1."},
        ),
        (
            CHAT | {"broken": shows_another(2)},
            lambda event, stage: tell(event, stage) if stage.minute() < 12 else always_raises(event, stage),
            receiver,
            {
                "in time": "With chat down for 10 minutes at 09:00, 1 of 2 events were not dealt with. "
                "The first error: ValueError: never"
            },
        ),
        (
            CHAT | {"events": happened(0), "broken": shows_another(1)},
            lambda event, stage: tell(event, stage) if stage.minute() < 2 else always_raises(event, stage),
            receiver,
            {
                "in time": "With chat down for 10 minutes at 09:00: "
                "IndexError when it was looked for: list index out of range"
            },
        ),
        (
            CHAT | TABLE,
            drops_its_table_the_second_time,
            receiver,
            {
                "once": "With each answer of chat lost once, chat holds 1 instead of 2. "
                "The first error: OperationalError: no such table: notes",
                "in time": "With chat down for 10 minutes at 09:00, notes holds 0 instead of 2.",
            },
        ),
        (
            CHAT,
            nothing,
            webhook(works_before_it_answers),
            {"in time": "A service was called while a delivery still waited for its answer: answer first, then work."},
        ),
        (
            TABLE | {"within": 6},
            takes_its_time(7, note),
            receiver,
            {"in time": "Without any trouble, 1 of 2 events were not dealt with. The first error: ValueError: not yet"},
        ),
        (
            {"services": {"chat": Service()}, "within": 10, "events": happened(0, 20)},
            takes_its_time(15, tell),
            receiver,
            {"in time": "Without any trouble, 1 of 2 events were not dealt with. The first error: ValueError: not yet"},
        ),
        (
            CHAT | {"events": happened(0, 20, 21), "within": 10},
            lambda event, stage: (takes_its_time(15, tell) if event["id"] == "evt_1" else tell)(event, stage),
            receiver,
            {"in time": "Without any trouble, an event took 15 minutes, and 10 are promised."},
        ),
    ],
)
def test_what_is_faulty_fails_the_trial_of_its_fault(fields, handle, receiving, wrong):
    told = {t.name: t.wrong for t in trials(scene(**fields), handle, receiving) if not t.ok}
    hint = " Does verify have clock=stage.clock?"  # told where it was 401
    assert {name: words.removesuffix(hint) for name, words in told.items()} == wrong


@pytest.mark.parametrize(
    "answer, refused",
    [
        (looks_only_whether_it_is_signed, [202, 401, 401]),
        (verifies_what_is_signed, [401, 202, 401]),
        (verifies_what_it_has_parsed, [401, 401, 202]),
    ],
)
def test_each_of_a_strangers_deliveries_finds_a_fault_of_its_own(answer, refused):
    played = perform(scene(events=happened(0)), nothing, webhook(answer), forge=True)
    assert played.refused == told_by(refused) and statuses(played)[3] == 202


def test_the_clock_is_told_where_what_is_genuine_is_refused():
    wrong = (
        "Nothing came of it, even without any trouble. "
        "The first error: Not delivered (waiting). Its answers: 401, 401, 401. Does verify have clock=stage.clock?"
    )
    assert {t.wrong for t in trials(scene(**CHAT), tell, webhook(without_the_clock))} == {wrong}


@pytest.mark.parametrize(
    "broken, words",
    [
        (lambda play: "It is\x1b not there.", "It is\x1b not there."),
        (lambda play: play.tables["none"], "KeyError when it was looked for: 'none'"),
    ],
)
def test_where_the_promise_is_broken_without_trouble_each_trial_says_so_first(broken, words):
    wrong = f"Even without any trouble the promise is broken. {words}"
    told = trials(scene(broken=broken, **CHAT), without_a_key, webhook(stored))
    assert [(t.name, t.wrong) for t in told] == [("signed", wrong), ("once", wrong), ("in time", wrong)]


def test_where_nothing_comes_of_it_the_promise_is_not_told():
    told = trials(scene(broken=lambda play: "It is not there.", **CHAT), nothing)
    assert {t.wrong for t in told} == {"Nothing came of it, even without any trouble. Does the handler do anything?"}


def test_rows_that_are_changed_or_gone_are_effects_too():
    fields = {"tables": (NOTES, "INSERT INTO notes VALUES ('before', -1)")}
    for statement in ("UPDATE notes SET minute = 0", "DELETE FROM notes"):
        assert all(t.ok for t in trials(scene(**fields), lambda e, stage, s=statement: stage.db.execute(s)))


@pytest.mark.parametrize(
    "handle, receiving, words",
    [
        (nothing, receiver, "Does the handler do anything?"),
        (tell, webhook(lambda stage: ("", 202)), "Does the handler do anything?"),
        (always_raises, receiver, "The first error: ValueError: never"),
        (tell, webhook(lambda stage: ("", 400)), "The first error: Not delivered (refused). Its answers: 400."),
    ],
)
def test_where_nothing_comes_of_it_each_trial_says_so(handle, receiving, words):
    wrong = f"Nothing came of it, even without any trouble. {words}"
    fields = CHAT | {"tables": (NOTES, "INSERT INTO notes VALUES ('before', -1)")}  # which is no effect
    assert [(t.name, t.wrong) for t in trials(scene(**fields), handle, receiving)] == [
        ("signed", wrong), ("once", wrong), ("in time", wrong),
    ]  # fmt: skip


@pytest.mark.parametrize("broken", [None, lambda play: ""])
def test_what_takes_too_long_only_while_a_service_is_down_is_told(broken):
    def impatient(event, stage):
        """It tries again half an hour after the service was down, by a follow-up of its own."""
        if event["event_type"] == "again" and stage.minute() < stage.minute(event) + 30:
            raise ValueError("not yet")
        if not post(stage, event["data"], str(event["data"])).ok:
            again = make_event("again", event["data"], id=event["id"] + ".again", timestamp=event["timestamp"])
            stage.inbox.store(again["id"], encode(again))

    spread = scene(events=happened(0, 60, 61), within=20, broken=broken, **CHAT)
    told = {t.name: t.wrong for t in trials(spread, impatient) if not t.ok}
    assert told == {"in time": "With chat down for 5 minutes at 09:00, an event took 31 minutes, and 20 are promised."}


def test_each_service_is_down_when_it_is_called():
    downs = []

    def handle(event, stage):
        for name in ("chat", "crm") if event["id"] == "evt_2" else ("chat",):
            answer = post(stage, event["data"], event["id"], name)
            if answer.json() == {"error": "down"}:
                assert answer.status_code == 504
                downs.append((name, stage.minute()))
            answer.raise_for_status()

    assert all(t.ok for t in trials(scene(services={"chat": Service(), "crm": Service(), "none": Service()}), handle))
    at_nine, at_ten = [0, 1, 3, 7], [10, 11, 13, 17]
    assert downs == [("chat", minute) for minute in at_nine + at_ten] + [("crm", minute) for minute in at_ten]


@pytest.mark.thorough
def test_each_minute_of_a_call_comes_into_an_outage_and_ten_are_tried():
    def begun(*minutes, within=60):
        begun = []

        def handle(event, stage):
            answer = post(stage, event["data"], event["id"])
            if answer.json() == {"error": "down"}:
                if stage.minute() == stage.minute(event):
                    begun.append(stage.minute())
                raise ValueError("not yet")

        trials(scene(events=happened(*minutes), within=within, broken=lambda play: "", **CHAT), handle)
        return begun

    assert begun(0, 9, 10, 19, 20, 21) == [0, 9, 10, 19, 20, 21]
    assert begun(0, 4, 5, 60, 64, within=20) == [0, 4, 5, 60, 64]  # of five minutes each
    assert begun(*range(0, 24, 2), within=6) == [*range(0, 20, 2)]


def test_the_troubles_of_the_scene_are_left_out_of_trials():
    came, called = [], []

    def receiving(stage):
        app = webhook(lambda stage: came[-1].append((request.get_json()["id"], stage.minute())) or stored(stage))(stage)
        came.append([])
        return app

    def handle(event, stage):
        called.append(post(stage, event["data"]).status_code)

    chat = Service(down=((0, 1),), lost=((0, 1000),), knows_keys=False)
    trials(scene(services={"chat": chat}, late=(1,), twice=(2,)), handle, receiving)
    assert came[0] == [("evt_1", 0), ("evt_2", 10)]
    assert called == [201] * 8 + [504, 201]  # plain, with a stranger, with each twice; only then it is down


def test_a_trial_ends_as_a_play_does(left):
    with pytest.raises(TypeError, match="without async and yield"):
        trials(scene(), generator)
    with pytest.raises(TypeError, match="returns a Flask app"):
        trials(scene(), nothing, lambda stage: None)
    with pytest.raises(ValueError, match="'CREATE' cannot be executed"):
        trials(scene(tables=("CREATE",)), nothing)
    with pytest.raises(TypeError, match="The first argument is a Scene, not str"):
        trials("a scene", nothing)
    assert left() == NOTHING


def test_effects_are_the_same_in_any_order():
    def handle(event, stage):
        if event["id"] == "evt_1" and stage.minute() < 15:
            raise ValueError("not yet")
        post(stage, json.loads(json.dumps(event["data"])), event["id"]).raise_for_status()

    assert all(t.ok for t in trials(scene(**CHAT), handle))


def test_a_total_that_counts_twice_is_not_once():
    def add(stage):
        if not verified(stage):
            return "", 401
        stage.db.execute("INSERT INTO totals VALUES ('all', 1) ON CONFLICT(name) DO UPDATE SET n = n + 1")
        return "", 202

    def broken(play):
        return "" if play.tables["totals"][0]["n"] == 2 else "It counts wrongly."

    totals = scene(tables=("CREATE TABLE totals (name TEXT PRIMARY KEY, n INTEGER)",), broken=broken)
    assert [t.name for t in trials(totals, nothing, webhook(add)) if not t.ok] == ["once"]


def test_a_service_and_a_table_may_have_one_name():
    same = scene(services={"chat": Service()}, tables=("CREATE TABLE chat (id)",))
    assert all(t.ok for t in trials(same, tell))


def test_what_happens_in_the_last_minutes_is_tried_too():
    assert all(t.ok for t in trials(scene(events=happened(1440), **CHAT), tell))
    assert [t.name for t in trials(scene(events=happened(1440), **CHAT), without_a_key) if not t.ok] == ["once"]


def test_the_clock_is_not_to_blame_for_a_secret_in_the_source():
    told = {t.name: t.wrong for t in trials(scene(**CHAT), tell, webhook(with_the_secret_in_its_source))}
    assert "clock" not in told["signed"]


def test_a_receiver_that_lets_a_stranger_wait_is_told(monkeypatch):
    monkeypatch.setattr(bench, "_PATIENCE", 0.1)

    def slow(stage):
        if verified(stage):
            return stored(stage)
        threading.Event().wait(1)
        return "", 401

    assert perform(scene(events=happened(0)), nothing, webhook(slow), forge=True).refused
