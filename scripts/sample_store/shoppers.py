"""Makes the shoppers' events: people with tastes, sessions with an intent, purchases that go together, two trends.

A session looks for one product type: it opens a few items within a price band, settles on a kind, puts the best one
in the cart, perhaps adds something that goes with it, and buys. Popularity has a long tail, days and hours have a
rhythm, and in the last days a heat wave sends people to fans, bottles, hats and sunscreen.
"""

from dataclasses import dataclass
from datetime import timedelta

from .chance import Chance

COLLECTION = "products"
DAYS = 30
SESSIONS = 5200
USERS = 1400

# Trends: how many more sessions look for the type, how many hours before the end it starts, its share of all sessions then.
HEAT_WAVE = ("fan", "water_bottle", "sun_hat", "sunscreen")
HEAT_WAVE_HOURS, HEAT_WAVE_SHARE, HEAT_WAVE_WEIGHTS = 60, 0.42, (5, 3, 2, 2)
NEW_TERM = ("backpack", "notebook")
NEW_TERM_HOURS, NEW_TERM_SHARE, NEW_TERM_WEIGHTS = 144, 0.07, (2, 1)

# Sessions per hour of the day (UTC) and per day of the week (Monday first), relative.
HOURS = (3, 2, 1, 1, 1, 2, 4, 7, 9, 10, 10, 11, 13, 12, 10, 10, 11, 13, 15, 18, 21, 20, 14, 7)
WEEKDAYS = (10, 9, 9, 9, 9, 12, 14)


@dataclass(frozen=True)
class Shopper:
    """A returning visitor: what they like and what they spend (0.8 thrifty, 1.0, 1.3 generous)."""

    name: str
    departments: tuple
    brands: tuple
    level: float
    activity: float


class _Shop:
    """The catalog the way shoppers meet it."""

    def __init__(self, items):
        self.by_type = {}
        for item in items:
            self.by_type.setdefault(item.type.key, []).append(item)
        self.types = list(self.by_type)
        self.departments = {key: found[0].department for key, found in self.by_type.items()}


def make_events(seed, items, until):
    """All events as dictionaries, ordered by time; the newest happens exactly at until (a datetime in UTC)."""
    shop = _Shop(items)
    shoppers = [_shopper(Chance(seed, "shopper %d" % number), number, shop) for number in range(USERS)]
    weights = [shopper.activity for shopper in shoppers]
    who, when = Chance(seed, "who comes"), Chance(seed, "when they come")
    slots = _hour_slots(until)
    events = []
    for number in range(SESSIONS):
        start = _start(when, slots)
        session = _Session(Chance(seed, "session %d" % number), number, shop, who.weighted(shoppers, weights))
        events.extend(session.run(start, (until - start).total_seconds() / 3600))
    return _ending_at(until, sorted(events, key=lambda event: (event["time"], event["session"])))


def _hour_slots(until):
    """The hours of the window with their cumulative weights."""
    slots, total = [], 0
    first = until - timedelta(days=DAYS)
    for offset in range(DAYS * 24):
        hour = first + timedelta(hours=offset)
        total += HOURS[hour.hour] * WEEKDAYS[hour.weekday()]
        slots.append((total, hour))
    return slots


def _start(chance, slots):
    mark = chance.unit() * slots[-1][0]
    low, high = 0, len(slots) - 1
    while low < high:
        middle = (low + high) // 2
        if slots[middle][0] > mark:
            high = middle
        else:
            low = middle + 1
    return slots[low][1] + timedelta(seconds=chance.whole(0, 3599))


def _shopper(chance, number, shop):
    departments = tuple(chance.some(sorted({one.name for one in shop.departments.values()}), chance.whole(2, 4)))
    makers = sorted(
        {brand.name for department in shop.departments.values() if department.name in departments for brand in department.brands}
    )
    return Shopper(
        "u%04d" % (number + 1), departments, tuple(chance.some(makers, 3)),
        chance.weighted((0.8, 1.0, 1.3), (4, 4, 2)), 1.0 / (number + 12),
    )


def _ending_at(until, events):
    """Drops what would happen after until, then moves everything so that the newest event is at until."""
    kept = [event for event in events if event["time"] <= until]
    shift = until - kept[-1]["time"]
    oldest = until - timedelta(days=DAYS)
    moved = [dict(event, time=event["time"] + shift) for event in kept]
    return [dict(event, time=event["time"].strftime("%Y-%m-%dT%H:%M:%SZ")) for event in moved if event["time"] >= oldest]


class _Session:
    """One visit."""

    def __init__(self, chance, number, shop, shopper):
        self.chance, self.shop, self.shopper = chance, shop, shopper
        self.name = "s%05d" % (number + 1)
        self.events, self.clock = [], None

    def run(self, start, hours_left):
        """The events of the visit; hours_left is the time to the end of the window."""
        self.clock = start
        intent = self._intent(hours_left)
        found = self._look_around(intent)
        if found and self.chance.happens(0.42):
            self._buy(found, self._add_ons(found))
        elif self.chance.happens(0.18):
            self._look_around(self._intent(hours_left))
        return self.events

    def _intent(self, hours_left):
        """The product type this visit is about."""
        if hours_left < HEAT_WAVE_HOURS and self.chance.happens(HEAT_WAVE_SHARE):
            return self.chance.weighted(HEAT_WAVE, HEAT_WAVE_WEIGHTS)
        if hours_left < NEW_TERM_HOURS and self.chance.happens(NEW_TERM_SHARE):
            return self.chance.weighted(NEW_TERM, NEW_TERM_WEIGHTS)
        liked = self.shopper.departments
        return self.chance.weighted(
            self.shop.types, [6 if self.shop.departments[key].name in liked else 1 for key in self.shop.types]
        )

    def _look_around(self, type_key):
        """Opens items of the type, more and more of one kind and price; returns the one liked best, or None."""
        seen, favorite = [], None
        for step in range(2 + self.chance.count(1.6)):
            item = self._next_item(type_key, seen, favorite if step >= 2 else None)
            if item is None:
                break
            if self.chance.happens(0.55):
                self._note("click", item)
            self._note("view", item)
            seen.append(item)
            if favorite is None or self._liking(item) > self._liking(favorite):
                favorite = item
        return favorite

    def _next_item(self, type_key, seen, favorite):
        choices = [item for item in self.shop.by_type[type_key] if item.record["in_stock"] and item not in seen]
        if not choices:
            return None
        weights = [item.popularity * self._liking(item) * self._closeness(item, favorite) for item in choices]
        return self.chance.weighted(choices, weights)

    def _liking(self, item):
        """How well an item suits the shopper: brand, price level, rating."""
        brand = 2.5 if item.brand.name in self.shopper.brands else 1.0
        gap = abs(item.brand.level - self.shopper.level)
        return brand * max(0.2, 1.3 - 2.0 * gap) * (item.record["rating"] - 2.0)

    @staticmethod
    def _closeness(item, favorite):
        """Refining: the same kind and a similar price as the favorite so far."""
        if favorite is None:
            return 1.0
        ratio = item.record["price"] / favorite.record["price"]
        near = 2.0 if 0.7 < ratio < 1.4 else 0.6
        return near * (4.0 if item.kind.key == favorite.kind.key else 0.6)

    def _add_ons(self, item):
        """What goes with the item and lands in the cart as well."""
        added = []
        if item.type.pairs and self.chance.happens(0.48):
            wanted = self.chance.pick(item.type.pairs)
            other = self._next_item(wanted, [], None)
            if other is not None:
                self._note("view", other)
                if self.chance.happens(0.62):
                    added.append(other)
        return added

    def _buy(self, item, added):
        cart = [item, *added]
        for one in cart:
            self._note("cart", one)
        if self.chance.happens(0.58):
            for one in cart:
                self._note("purchase", one, pause=0)

    def _note(self, kind, item, pause=None):
        self.clock += timedelta(seconds=self.chance.whole(4, 95) if pause is None else pause)
        self.events.append({
            "collection": COLLECTION, "type": kind, "item": item.id,
            "user": self.shopper.name, "session": self.name, "time": self.clock,
        })
