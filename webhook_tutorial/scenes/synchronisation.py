"""Data synchronisation: a web shop follows the warehouse's catalogue. Changes come out of order, and once twice."""

from .scene import Scene

#: The changes: the minute, and what the warehouse holds from then on.
_CHANGES = (
    (0, {"sku": "tea", "price": 450, "version": 1}),
    (1, {"sku": "coffee", "price": 690, "version": 1}),
    (10, {"sku": "tea", "price": 480, "version": 2}),
    (12, {"sku": "tea", "price": 430, "version": 3}),
    (13, {"sku": "coffee", "price": 720, "version": 2}),
)

#: The warehouse's own catalogue in the end.
WAREHOUSE = {change["sku"]: change["price"] for _, change in _CHANGES}


def _broken(play):
    shop = {row["sku"]: row["price"] for row in play.tables["products"]}
    if shop == WAREHOUSE:
        return ""
    wrong = sorted(sku for sku in WAREHOUSE.keys() | shop.keys() if shop.get(sku) != WAREHOUSE.get(sku))
    return " ".join(f"{sku}: {shop.get(sku)} in the shop, {WAREHOUSE.get(sku)} in the warehouse." for sku in wrong)


SCENE = Scene(
    sender="warehouse",
    receiver="shop",
    events=tuple((minute, "product_changed", change) for minute, change in _CHANGES),
    late=(3,),
    twice=(2,),
    tables=("CREATE TABLE products (sku TEXT PRIMARY KEY, price INTEGER, version INTEGER)",),
    promise="In the end the shop and the warehouse have the same prices.",
    broken=_broken,
)
