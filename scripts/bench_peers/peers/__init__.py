"""The libraries compared: one file each, with the variants (index settings) that are built and how one query is put.

Every library gets its vectors ready made (normalized where the metric is cosine) and its queries in the form that costs
it least; only the search call itself is timed.
"""

from importlib import import_module

# Name as in --peers, its module here, the package that pip installs, the module that it brings.
LIBRARIES = {
    "hnswlib": ("hnswlib_peer", "hnswlib", "hnswlib"),
    "svs": ("svs_peer", "scalable-vs", "svs"),
    "faiss": ("faiss_peer", "faiss-cpu", "faiss"),
    "usearch": ("usearch_peer", "usearch", "usearch"),
    "qdrant": ("qdrant_peer", "qdrant-edge-py", "qdrant_edge"),
    "scann": ("scann_peer", "scann", "scann"),
    "voyager": ("voyager_peer", "voyager", "voyager"),
    "ngt": ("ngt_peer", "ngt", "ngtpy"),
    "annoy": ("annoy_peer", "annoy", "annoy"),
    "pynndescent": ("pynndescent_peer", "pynndescent", "pynndescent"),
    "numpy": ("numpy_peer", "numpy", "numpy"),
}
# Numba compiles for minutes before PyNNDescent's first answer: only when asked for.
DEFAULT = [name for name in LIBRARIES if name != "pynndescent"]
# NumPy has no other way to be told to search on one thread.
ENVIRONMENT = {"numpy": {"OPENBLAS_NUM_THREADS": "1"}}
# Looked for and not to be had from PyPI: said in the table, so that nobody has to ask.
ABSENT = {
    "glass": "no package on PyPI (the one named pyglass is another program)",
    "SymphonyQG": "no package on PyPI",
    "NGT-QG": "the ngt wheel opens quantized graphs but brings no builder for them",
}


def library(name):
    """The class of a peer. Imports the library itself, so only a worker calls this."""
    return import_module(f"{__name__}.{LIBRARIES[name][0]}").PEER


def variants(name, rows, dimension, metric):
    """Label -> settings of each index of that peer. Pure: the library need not be installed."""
    return import_module(f"{__name__}.{LIBRARIES[name][0]}").variants(rows, dimension, metric)
