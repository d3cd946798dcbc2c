"""Real-time notification: a sign-up reaches the team's chat, which is down for a while, and once loses its answer."""

from collections import Counter

from .scene import Scene, Service

_USERS = "Ada", "Bela", "Chidi"


def _broken(play):
    shown = Counter(user for user in _USERS for entry in play.services["chat"] if user in str(entry))
    wrong = [f"{user} {shown[user]} times" for user in _USERS if shown[user] != 1]
    return f"It has {', '.join(wrong)}." if wrong else ""


SCENE = Scene(
    sender="website",
    receiver="team",
    events=tuple((10 * n, "user_signup", {"user": user}) for n, user in enumerate(_USERS)),
    twice=(1,),
    services={"chat": Service(down=((8, 15),), lost=(3,))},
    promise="The chat has each sign-up once.",
    broken=_broken,
)
