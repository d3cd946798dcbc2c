"""Real-time notification: a sign-up reaches the team's chat, which is down for a while, and once loses its answer."""

from .scene import Scene, Service

_USERS = "Ada", "Bela", "Chidi"


def _broken(play):
    shown = {user: sum(user.lower() in str(entry).lower() for entry in play.services["chat"]) for user in _USERS}
    return "" if set(shown.values()) == {1} else f"It has {', '.join(f'{user} {shown[user]} ×' for user in _USERS)}."


SCENE = Scene(
    sender="website",
    receiver="team",
    events=tuple((10 * n, "user_signup", {"user": user}) for n, user in enumerate(_USERS)),
    twice=(1,),
    services={"chat": Service(down=((8, 15),), lost=((19, 21),))},
    promise="The chat has each sign-up once.",
    broken=_broken,
)
