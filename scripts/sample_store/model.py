"""What the invented store knows about its product types. The departments folder fills these in.

A product type has kinds (what exactly it is: a commuter mug or a picnic jug) and features (what is good about it).
An item is one kind with a few features; its text is put together from their sentences, and the judged queries are
answered from the same knowledge, never by looking at the text.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Brand:
    """An invented maker. ``level`` multiplies prices (1 = usual); ``note`` is a sentence about it."""

    name: str
    level: float
    note: str


@dataclass(frozen=True)
class Kind:
    """A sub-type. ``factor`` multiplies the price; an opening or a purpose can stand first in a description."""

    key: str
    nouns: tuple
    factor: float
    openings: tuple
    purposes: tuple
    slots: dict


@dataclass(frozen=True)
class Feature:
    """A quality. ``label`` fits before the noun in a title; ``kinds`` restricts it (empty: fits every kind)."""

    key: str
    label: str
    sentences: tuple
    kinds: tuple


@dataclass(frozen=True)
class ProductType:
    """A shelf of the store. ``pairs`` names the types bought along with this one."""

    key: str
    path: tuple
    price: tuple
    colors: tuple
    slots: dict
    kinds: tuple
    features: tuple
    uses: tuple
    facts: tuple
    pairs: tuple


@dataclass(frozen=True)
class Department:
    """A part of the store: its code starts the item ids, its brands make everything in it."""

    name: str
    code: str
    brands: tuple
    types: tuple


def _split(text):
    return tuple(part.strip() for part in text.split("|") if part.strip())


def _slots(slots):
    return {name: _split(values) for name, values in (slots or {}).items()}


def brand(name, level, note):
    """A maker with its price level."""
    return Brand(name, level, note)


def kind(key, nouns, factor, *openings, purposes, slots=None):
    """A kind; nouns are separated by ``|``, purposes say plainly what it is for, slots override those of the type."""
    return Kind(key, _split(nouns), factor, openings, purposes, _slots(slots))


def feature(key, label, *sentences, kinds=""):
    """A feature; kinds are separated by spaces."""
    return Feature(key, label, sentences, tuple(kinds.split()))


def product(key, path, price, colors, kinds, features, uses, facts=(), slots=None, pairs=""):
    """A product type; path is ``Shelf/Leaf`` below the department, pairs are separated by spaces."""
    return ProductType(
        key, tuple(path.split("/")), price, _split(colors), _slots(slots),
        tuple(kinds), tuple(features), tuple(uses), tuple(facts), tuple(pairs.split()),
    )


BRIGHT = "black|navy|teal|red|orange|yellow|green|white"
NEUTRAL = "white|gray|black|beige|cream"
SOFT = "gray|cream|sage green|dusty pink|navy|mustard|white"
OUTDOOR = "forest green|orange|navy|gray|sand|red"
WOOD = "oak|walnut|natural|white|black"
METAL = "black|silver|white|copper"
PLAYFUL = "red|blue|green|yellow|rainbow|pink"
