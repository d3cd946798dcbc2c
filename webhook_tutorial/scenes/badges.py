"""Gamification: badges for finished lessons. One is reported twice, and a rule is added when all is over."""

from .scene import Scene, Service


def _finished(person, lesson):
    return "lesson_finished", {"person": person, "lesson": lesson}


def _rule(badge, lessons):
    return "rule_added", {"badge": badge, "lessons": lessons}


_WANTED = [("Ada", "starter"), ("Ada", "regular"), ("Bela", "starter"), ("Ada", "half way"), ("Bela", "half way")]


def _too(*pair):
    return "too often" if pair in _WANTED else "without having earned it"


def _broken(play):
    given = sorted((row["person"], row["badge"]) for row in play.tables["badges"])
    told = sorted((entry.get("person"), entry.get("badge")) for entry in play.services["app"])
    for what, have in (("were given", given), ("were told", told)):
        if have != sorted(_WANTED):
            more = [pair for pair in dict.fromkeys(have) if have.count(pair) > _WANTED.count(pair)]
            less = [pair for pair in _WANTED if pair not in have]
            words = [f"{person}'s {badge} {_too(person, badge)}" for person, badge in more]
            words += [f"{person}'s {badge} not at all" for person, badge in less]
            return f"Badges {what} wrongly: {', '.join(words)}."
    return ""


SCENE = Scene(
    sender="course",
    receiver="badges",
    events=(
        (0, *_rule("starter", 1)),
        (1, *_rule("regular", 3)),
        (5, *_finished("Ada", "00")),
        (9, *_finished("Bela", "00")),
        (30, *_finished("Ada", "01")),
        (35, *_finished("Bela", "01")),
        (36, *_finished("Bela", "01")),
        (60, *_finished("Ada", "02")),
        (120, *_rule("half way", 2)),
    ),
    twice=(3,),
    services={"app": Service()},
    tables=(
        "CREATE TABLE rules (badge TEXT PRIMARY KEY, lessons INTEGER)",
        "CREATE TABLE actions (person TEXT, lesson TEXT)",
        "CREATE TABLE badges (person TEXT, badge TEXT)",
    ),
    promise="Each badge is given and told once; who has earned one by a new rule gets it.",
    broken=_broken,
)
