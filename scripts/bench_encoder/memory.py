"""Resident memory while a million texts of mixed lengths go through one encoder with the settings of a server."""

import random

CHUNK, STEPS, QUERIES = 4096, 20, 20
TITLES, PRODUCTS = 50_000, 2_000
ABOUT = (
    "Texts: 96 % titles, 1 % product texts, 3 % cut out of these at any length from one word to all of them, in calls of "
    f"{CHUNK:,} texts as documents, each followed by {QUERIES} single queries."
)


def chunks(source, count):
    """The texts of each call; every call has lengths of its own."""
    titles = source.titles(TITLES) if source.real else source.titles(TITLES // 10)
    products = source.products(PRODUCTS)
    chance = random.Random(source.seed)
    for start in range(0, count, CHUNK):
        yield [mixed(titles, products, chance) for _ in range(min(CHUNK, count - start))]


def mixed(titles, products, chance):
    draw = chance.random()
    if draw < 0.96:
        return chance.choice(titles)
    product = chance.choice(products)
    if draw < 0.97:
        return product
    words = product.split()
    return " ".join(words[: chance.randint(1, max(1, len(words)))])


def measure(process, source, count, work):
    """Memory after about every twentieth part of the texts."""
    steps, done = [], 0
    path, few = work / "memory.txt", work / "few.txt"
    for texts in chunks(source, count):
        path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
        few.write_text("".join(f"{text}\n" for text in texts[:QUERIES]), encoding="utf-8")
        answer = process.ask("bulk", path)
        process.ask("queries", few)
        done += len(texts)
        if done * STEPS // count > len(steps) or done == count:
            steps.append({"texts": done} | {key: answer[key] for key in ("resident_mib", "peak_mib", "texts_per_s")})
    return steps


def growth(steps):
    """What the second half adds: the first one may still meet its longest batch."""
    half = steps[len(steps) // 2 :]
    at = [step["texts"] / 1e6 for step in half]
    mib = [step["resident_mib"] for step in half]
    middle, mean = sum(at) / len(at), sum(mib) / len(mib)
    spread = sum((x - middle) ** 2 for x in at)
    slope = sum((x - middle) * (y - mean) for x, y in zip(at, mib, strict=True)) / spread if spread else 0.0
    return {"mib_per_million": slope, "spread_mib": max(mib) - min(mib)}
