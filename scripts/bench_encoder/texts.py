"""The texts that are measured on: real ones where ``shared/data`` is beside the repository, made ones elsewhere."""

import gzip
import json
import random
from dataclasses import dataclass
from pathlib import Path

from .bundle import Unusable

TITLES, PRODUCTS, JUDGMENTS = "arxiv/titles.tsv.gz", "esci/products.jsonl.gz", "esci/judgments.jsonl.gz"


@dataclass
class Workload:
    """Texts that are encoded in one go; ``about`` says what they are."""

    name: str
    about: str
    texts: list


def find_data(root):
    """``shared/data`` beside this repository or beside a folder it is in, or None."""
    places = (parent / "shared/data" for parent in Path(root).parents)
    return next((place for place in places if place.is_dir()), None)


def one_line(text):
    """Line breaks within a text would end it: these files have one text per line."""
    return " ".join(text.split())


class Source:
    """Titles and product texts, real or made, in an order that the seed decides."""

    def __init__(self, data, tokenizer, seed):
        self.data, self.seed = Path(data) if data else None, seed
        self.words = single_token_words(tokenizer)
        self.real = bool(self.data) and all((self.data / name).exists() for name in (TITLES, PRODUCTS, JUDGMENTS))
        self.made = "" if self.real else "made-up "

    def titles(self, count):
        return self.drawn(self.all_titles(), count, "titles") if self.real else self.sentences(count, 6, 22, "titles")

    def all_titles(self):
        with gzip.open(self.data / TITLES, "rt", encoding="utf-8") as lines:
            next(lines)
            return sorted({one_line(line.rsplit("\t", 1)[1]) for line in lines})

    def products(self, count):
        if not self.real:
            return self.sentences(count, 40, 240, "products")
        return self.drawn([text for _, text in self.catalog()], count, "products")

    def catalog(self):
        """(id, title and bullet points) of every product."""
        with gzip.open(self.data / PRODUCTS, "rt", encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        return [(row["id"], one_line(f"{row['title']} {row['bullet_points'] or ''}")) for row in rows]

    def judgments(self):
        """(query, item → label) of every judged query."""
        with gzip.open(self.data / JUDGMENTS, "rt", encoding="utf-8") as lines:
            return [(row["query"], row["labels"]) for row in map(json.loads, lines)]

    def drawn(self, texts, count, what):
        if len(texts) < count:
            raise Unusable(f"{self.data} has {len(texts)} {what}, {count} are needed")
        return random.Random(f"{self.seed} {what}").sample(texts, count)

    def sentences(self, count, shortest, longest, what):
        """Made-up texts of words that the tokenizer knows, most of them short."""
        chance = random.Random(f"{self.seed} {what}")
        lengths = (round(chance.triangular(shortest, longest, shortest)) for _ in range(count))
        return [" ".join(chance.choices(self.words, k=length)) for length in lengths]

    def exactly(self, tokens, count):
        """Texts of that many tokens, the special ones included."""
        chance = random.Random(f"{self.seed} {tokens}")
        return [" ".join(chance.choices(self.words, k=tokens - 2)) for _ in range(count)]

    def short(self, tokenizer, count, least=11, most=16):
        """Titles of ``least`` to ``most`` tokens: as long as what people type into a search box, or a little longer."""
        pool = self.all_titles() if self.real else self.sentences(8 * count, 4, 18, "short")
        random.Random(f"{self.seed} short").shuffle(pool)
        found = []
        for at in range(0, len(pool), 1024):
            texts = pool[at : at + 1024]
            lengths = (sum(encoding.attention_mask) for encoding in tokenizer.encode_batch(texts))
            found += [text for text, length in zip(texts, lengths, strict=True) if least <= length <= most]
            if len(found) >= count:
                return found[:count]
        raise Unusable(f"only {len(found)} titles have {least} to {most} tokens, {count} are needed")


def single_token_words(tokenizer):
    """Plain words of the vocabulary that are one token each, also beside others."""
    known = sorted(word for word in tokenizer.get_vocab() if word.isascii() and word.isalpha() and 3 <= len(word) <= 9)
    words = [word for word in known if word.islower()]
    if len(words) < 1000 or sum(tokenizer.encode(" ".join(words[:50])).attention_mask) != 52:
        raise Unusable("this tokenizer has no plain whole words: the fixed lengths cannot be made for it")
    return words


def workloads(source):
    """What bulk speed is measured on. Sizes are such that the slowest takes a few seconds."""
    mixed = source.titles(64) + source.products(64)
    random.Random(source.seed).shuffle(mixed)
    made = source.made
    return [
        Workload("mixed", f"64 {made}titles and 64 {made}product texts (title, bullet points), shuffled", mixed),
        Workload("titles", f"512 {made}titles", source.titles(512)),
        Workload("products", f"64 {made}product texts (title, bullet points)", source.products(64)),
        Workload("16 tokens", "512 texts of random words, 16 tokens each", source.exactly(16, 512)),
        Workload("128 tokens", "64 texts of random words, 128 tokens each", source.exactly(128, 64)),
    ]
