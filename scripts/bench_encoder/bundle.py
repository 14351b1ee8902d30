"""A model bundle as Python sees it: its settings, its tokenizer, its graph, and the dynamic int8 copy of the graph."""

import hashlib
import os
import tomllib
from pathlib import Path

import onnx

BATCH = 32
GRAPH, VARIANT = "model.onnx", "model.int8.onnx"


class Unusable(Exception):
    """Something that has to be there is not, or is not what it should be; the text says what to do."""


class Bundle:
    def __init__(self, folder):
        self.folder = Path(folder)
        try:
            settings = tomllib.loads((self.folder / "model.toml").read_text())
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise Unusable(f"{self.folder}/model.toml: {error}; run scripts/setup, or name a bundle by --model") from None
        self.max_tokens = settings["max_tokens"]
        self.dimension = settings["dimension"]
        self.pooling = settings["pooling"]
        self.normalize = settings["normalize"]
        self.query_prefix = settings.get("query_prefix", "")
        self.document_prefix = settings.get("document_prefix", "")
        self.name = f"{settings['name']}@{settings['version']}"

    @property
    def graph(self):
        return self.folder / GRAPH

    @property
    def has_variant(self):
        return (self.folder / VARIANT).exists()

    def tokenizer(self):
        """Padding to the longest text of a batch, truncation at ``max_tokens``."""
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self.folder / "tokenizer.json"))
        padding = tokenizer.padding or {}
        tokenizer.enable_padding(pad_id=padding.get("pad_id", 0), pad_token=padding.get("pad_token", "[PAD]"))
        tokenizer.enable_truncation(self.max_tokens)
        return tokenizer

    def digest(self):
        """Names what is kept of this bundle between runs."""
        digest = hashlib.blake2b(digest_size=8)
        for name in (GRAPH, "tokenizer.json", "model.toml"):
            digest.update((self.folder / name).read_bytes())
        return digest.hexdigest()

    def dynamic_int8(self, kept):
        """The graph with ``quantize_dynamic``'s int8 weights; made once and kept in the folder ``kept``."""
        path = Path(kept) / f"{self.digest()}.dynamic-int8.onnx"
        if not path.exists():
            from onnxruntime.quantization import QuantType, quantize_dynamic

            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.with_suffix(".tmp")
            quantize_dynamic(self.graph, beside, weight_type=QuantType.QInt8, per_channel=True)
            os.replace(beside, path)
        return path

    def operations_per_token(self):
        """Additions and multiplications of the products with weight matrices, for one token. (Attention's own
        products, queries × keys and shares × values, come on top and are not 8-bit.)"""
        graph = onnx.load(self.graph, load_external_data=False).graph
        sizes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
        products = (node for node in graph.node if node.op_type in ("MatMul", "Gemm"))
        shapes = (sizes.get(name, ()) for node in products for name in node.input[:2])
        return sum(2 * shape[0] * shape[1] for shape in shapes if len(shape) == 2)
