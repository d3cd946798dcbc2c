"""Data synchronisation, once more: products are removed, too, and one comes back. For an exercise."""

from .scene import Scene

#: The changes: the minute, the event's type, and its data. A price that is None is not for sale.
_CHANGES = (
    (0, "product_changed", {"sku": "tea", "price": 450, "version": 1}),
    (1, "product_changed", {"sku": "coffee", "price": 690, "version": 1}),
    (10, "product_changed", {"sku": "tea", "price": 480, "version": 2}),
    (12, "product_removed", {"sku": "tea", "version": 3}),
    (20, "product_removed", {"sku": "coffee", "version": 2}),
    (22, "product_changed", {"sku": "coffee", "price": 750, "version": 3}),
)

#: What the warehouse sells in the end.
WAREHOUSE = {"coffee": 750}


def _broken(play):
    shop = {row["sku"]: row["price"] for row in play.tables["products"] if not row["removed"]}
    wrong = sorted(sku for sku in WAREHOUSE.keys() | shop.keys() if shop.get(sku) != WAREHOUSE.get(sku))
    return " ".join(
        f"{sku}: {shop.get(sku, 'nothing')} in the shop, {WAREHOUSE.get(sku, 'nothing')} in the warehouse."
        for sku in wrong
    )


SCENE = Scene(
    sender="warehouse",
    receiver="shop",
    events=_CHANGES,
    late=(3,),
    tables=("CREATE TABLE products (sku TEXT PRIMARY KEY, price INTEGER, version INTEGER, removed INTEGER DEFAULT 0)",),
    promise="In the end the shop sells what the warehouse sells.",
    broken=_broken,
)
