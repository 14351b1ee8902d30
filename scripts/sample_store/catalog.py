"""Makes the items: what each one is (``Item``) and how the catalog file describes it (``record``)."""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from .chance import Chance
from .departments import DEPARTMENTS
from .model import Brand, Department, Kind, ProductType

OLDEST = datetime(2023, 1, 9, tzinfo=timezone.utc)
NEWEST = datetime(2026, 5, 10, tzinfo=timezone.utc)

SERIES = (
    "Alder Arbor Atlas Aurora Basin Birch Borough Bramble Briar Canyon Cedar Coral Cove Crest Dapple Delta Fable Fathom "
    "Fern Fjord Flint Gable Glade Grove Harbor Hazel Heath Heron Isle Juniper Larch Ledge Linden Mesa Moor North Oasis "
    "Orchard Pebble Pine Prairie Reed Ridge Rowan Sable Sage Shale Sorrel Spruce Tarn Thistle Vale Verve Willow Zephyr "
    "Avero Belto Calda Domi Eska Fino Galo Helka Ivo Jona Kalla Lumo Mira Nelo Orva Pavo Quinta Riva Solva Tiko Umbra"
).split()

# How a description is put together, by number of features: two to four sentences, the purpose always among them.
DESCRIPTION_SHAPES = {
    1: (
        "opening purpose feature", "purpose opening feature", "purpose feature", "opening feature purpose",
        "feature purpose opening", "purpose opening feature use", "opening purpose feature fact", "purpose feature brand",
    ),
    2: (
        "opening purpose feature feature", "purpose feature feature", "purpose opening feature feature",
        "purpose feature feature use",
    ),
}

# With and without a size; {label} is a quality such as "Leakproof".
TITLE_SHAPES = (
    "{brand} {series} {noun}",
    "{brand} {label} {noun}",
    "{brand} {series} {label} {noun}",
    "{brand} {series} {noun}, {color}",
    "{series} {label} {noun} by {brand}",
)
SIZED_TITLE_SHAPES = (
    "{brand} {label} {noun}, {size}",
    "{brand} {series} {noun}, {size}",
    "{brand} {series} {noun} {size}, {color}",
)


@dataclass(frozen=True)
class Item:
    """One item: what the generator knows about it, and its record in the catalog file."""

    department: Department
    type: ProductType
    kind: Kind
    features: tuple
    brand: Brand
    popularity: float
    record: dict

    @property
    def id(self):
        """The catalog id."""
        return self.record["id"]


def make_items(seed, count):
    """The whole catalog, in id order."""
    items = []
    for department in DEPARTMENTS:
        items.extend(_department_items(department, seed, count))
    return items


def _department_items(department, seed, count):
    """A department's items, types mixed, ids in order."""
    quotas = type_counts(count)
    places = [(product, place) for product in department.types for place in range(quotas[product.key])]
    chance = Chance(seed, "order of " + department.name)
    taken = set()
    makers = {product.key: _TypeMaker(department, product, seed, quotas[product.key], taken) for product in department.types}
    return [
        makers[product.key].make("%s-%04d" % (department.code, number), place)
        for number, (product, place) in enumerate(chance.shuffled(places), start=1)
    ]


def type_counts(count):
    """How many items each type gets: by its number of kinds, adding up to count exactly."""
    types = [product for department in DEPARTMENTS for product in department.types]
    weights = [6 + len(product.kinds) for product in types]
    total = sum(weights)
    counts, given, passed = {}, 0, 0
    for product, weight in zip(types, weights):
        passed += weight
        share = count * passed // total - given
        given += share
        counts[product.key] = share
    return counts


class _TypeMaker:
    """Makes the items of one type; every title and description it hands out is new."""

    def __init__(self, department, product, seed, count, taken_titles):
        self.department, self.product = department, product
        self.chance = Chance(seed, "items of " + product.key)
        self.titles, self.descriptions = taken_titles, set()
        ranks = self.chance.shuffled(range(count))
        self.popularity = [1.0 / (rank + 2.5) for rank in ranks]

    def make(self, item_id, place):
        """The item at this place (0 and up) of the type."""
        chance, product = self.chance, self.product
        kind = product.kinds[place % len(product.kinds)]
        brand = chance.pick(self.department.brands)
        features = self._features(kind)
        slots = {name: chance.pick(values) for name, values in sorted({**product.slots, **kind.slots}.items())}
        color = chance.pick(product.colors)
        popularity = self.popularity[place]
        record = {
            "id": item_id,
            "title": self._title(kind, brand, features, slots, color),
            "description": self._description(kind, brand, features, slots),
            "brand": brand.name,
            "category": [self.department.name, *product.path],
            "price": self._price(kind, brand, slots),
            "color": color,
        }
        record.update(self._standing(brand, popularity))
        return Item(self.department, product, kind, features, brand, popularity, record)

    def _features(self, kind):
        fitting = [one for one in self.product.features if not one.kinds or kind.key in one.kinds]
        wanted = 1 + self.chance.happens(0.35)
        return tuple(self.chance.some(fitting, wanted))

    def _title(self, kind, brand, features, slots, color):
        """A title nobody has yet: shapes are redrawn, then the color and the size are added."""
        for attempt in range(200):
            noun = self.chance.pick(kind.nouns)
            label = self.chance.pick(features).label
            shapes = TITLE_SHAPES + (SIZED_TITLE_SHAPES if "size" in slots else ())
            shape = self.chance.pick(shapes)
            if "{label}" in shape and _repeats_a_word(label, noun):
                continue
            title = shape.format(
                brand=brand.name, series=self.chance.pick(SERIES), label=label, noun=noun,
                color=color.title(), size=slots.get("size", ""),
            )
            if title not in self.titles:
                self.titles.add(title)
                return title
        raise ValueError("no new title left for %s: ask for fewer items" % self.product.key)

    def _description(self, kind, brand, features, slots):
        """Sentences in one of several orders, none of them the same text as another item of the type."""
        for attempt in range(200):
            qualities = iter(self.chance.shuffled(features))
            text = " ".join(
                self._sentence(part, kind, brand, qualities)
                for part in self.chance.pick(DESCRIPTION_SHAPES[len(features)]).split()
            ).format(**slots)
            if text not in self.descriptions:
                self.descriptions.add(text)
                return text
        raise ValueError("no new description left for %s: ask for fewer items" % self.product.key)

    def _sentence(self, part, kind, brand, qualities):
        """One sentence of a description; qualities is an iterator over the features still to be mentioned."""
        if part == "feature":
            return self.chance.pick(next(qualities).sentences)
        if part == "brand":
            return brand.note
        return self.chance.pick(
            {"opening": kind.openings, "purpose": kind.purposes, "use": self.product.uses, "fact": self.product.facts}[part]
        )

    def _price(self, kind, brand, slots):
        """Within the type's range, by kind, brand, size and a little luck; ends like a shop price."""
        low, high = self.product.price
        price = (low * high) ** 0.5 * kind.factor * brand.level * self.chance.between(0.9, 1.12)
        sizes = {**self.product.slots, **kind.slots}.get("size", ())
        if len(sizes) > 1:
            price *= 0.88 + 0.24 * sizes.index(slots["size"]) / (len(sizes) - 1)
        price = min(max(price, low * 0.7), high * 1.3)
        ending = self.chance.pick((0.99, 0.95, 0.5, 0.9)) if price < 100 else self.chance.pick((0.0, 0.9))
        return round(int(price) + ending, 2)

    def _standing(self, brand, popularity):
        """Rating, number of ratings, stock, date of creation."""
        chance = self.chance
        rating = 4.2 + 0.27 * chance.bell() + 0.3 * (brand.level - 1.0)
        days = (NEWEST - OLDEST).days
        day = chance.whole(0, days)
        created = OLDEST + timedelta(days=day, minutes=chance.whole(7 * 60, 19 * 60))
        age = 0.2 + (days - day) / days
        return {
            "rating": round(min(max(rating, 2.7), 4.9), 1),
            "rating_count": int(1 + popularity * age * chance.between(600, 4000)),
            "in_stock": chance.happens(0.92),
            "created": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }


def _repeats_a_word(label, noun):
    words = label.lower().replace("-", " ").split()
    return any(word in noun.lower() for word in words)
