"""Support chat: a visitor lingers on the FAQ, and a chat opens, once. One event comes when its visitor has left."""

from .scene import Scene, Service

LINGERS = 120  # seconds on the page
STALE = 3  # minutes after which a visitor may have left


def _watched(visitor, page, seconds):
    return "page_watched", {"visitor": visitor, "page": page, "seconds": seconds}


def _broken(play):
    opened = [entry.get("visitor") for entry in play.services["chat"]]
    wanted = ["Ada", "Dora"] if play.took.get("evt_7", 0) < STALE else ["Ada"]
    return "" if opened == wanted else f"It opened for {', '.join(map(str, opened)) or 'nobody'}."


SCENE = Scene(
    sender="website",
    receiver="support",
    events=(
        (0, *_watched("Ada", "/faq", 60)),
        (1, *_watched("Ada", "/faq", 120)),
        (2, *_watched("Ada", "/faq", 180)),
        (2, *_watched("Bela", "/prices", 180)),
        (3, *_watched("Ada", "/faq", 240)),
        (4, *_watched("Chidi", "/faq", 60)),
        (6, *_watched("Dora", "/faq", 150)),
    ),
    late=(7,),
    twice=(2,),
    services={"chat": Service()},
    tables=("CREATE TABLE chats (visitor TEXT PRIMARY KEY)",),
    promise="A chat opens once for each visitor who lingers on the FAQ, unless the news of it is stale.",
    broken=_broken,
    within=10,
)
