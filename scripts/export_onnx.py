"""Authors the ONNX graph of a BERT-family sentence encoder from its safetensors weights.

Reads `config.json`, `model.safetensors` and `tokenizer.json` from one folder and writes the model bundle that Alike
loads (`model.onnx`, `tokenizer.json`, `model.toml`) into another. Needs the `onnx` package, not a training framework.

    export_onnx.py MODEL_FOLDER BUNDLE_FOLDER

Graph: opset 17, float32. Inputs `input_ids`, `attention_mask`, `token_type_ids`: int64 [batch, tokens]. Output
`sentence_embedding`: float32 [batch, dimension], mean-pooled over the tokens the mask keeps, L2-normalized.

`model.toml` holds golden texts with the vectors of a float64 forward pass that is computed independently with numpy, so
that whoever loads the graph can tell whether it still answers like the model.

The same weights give the same bytes: nodes and weights are written in a fixed order and nothing that changes between
runs (time, paths, versions) goes in. Nothing is written unless the graph agrees with that forward pass.
"""

import argparse
import hashlib
import json
import math
import os
import shutil
import sys
import tempfile
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

OPSET = 17
IR_VERSION = 8  # the intermediate representation that came with opset 17
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
OUTPUT = "sentence_embedding"
MAX_ERROR = 1e-5
MASKED = float(np.finfo(np.float32).min)  # added to the scores of padding

NAME = "all-minilm-l6-v2"
VERSION = "1"
MAX_TOKENS = 256  # the length this model was tuned for; its position table would allow 512

CHECK_TEXTS = (
    "red running shoes",
    "A waterproof jacket for two days of rain in the mountains, not too warm, with pockets",
    "Crème brûlée",
    "",
    "USB-C charger (65 W), 2 ports, folds flat; charges a laptop and a phone at once " * 4,
)


# Written into model.toml with their vectors: a query, a title, a description, and letters beyond ASCII.
GOLDEN_TEXTS = (
    "wireless headphones for running",
    "Waterproof Hiking Boots, brown leather, size 42",
    "Keeps coffee hot for six hours and tea cold for twelve. Double-walled stainless steel, a lid that does not leak in a"
    " bag, dishwasher safe; fits the cup holders of most cars and bicycles. 450 ml, also in dark green.",
    "Crème brûlée – 東京 naïve café, 5 €",
)
GOLDEN_DECIMALS = 6


class ExportError(Exception):
    """The folder does not hold a model that this script can express."""


@dataclass(frozen=True)
class Shape:
    """Sizes of the encoder, out of config.json and checked against the tensors."""

    layers: int
    width: int
    heads: int
    epsilon: float

    @property
    def head_width(self):
        return self.width // self.heads


def read_shape(config, weights):
    """Takes the sizes from config.json; heads cannot be seen in the tensors, everything else must match them."""
    required = {"model_type": "bert", "hidden_act": "gelu"}
    for field, expected in required.items():
        if config.get(field) != expected:
            raise ExportError(f"config.json: {field} is {config.get(field)!r}, this script expresses {expected!r}")
    if config.get("position_embedding_type", "absolute") != "absolute":
        raise ExportError("config.json: position_embedding_type must be 'absolute'")
    shape = Shape(
        layers=config["num_hidden_layers"],
        width=config["hidden_size"],
        heads=config["num_attention_heads"],
        epsilon=config["layer_norm_eps"],
    )
    width = weights["embeddings.word_embeddings.weight"].shape[1]
    layers = 1 + max(int(name.split(".")[2]) for name in weights if name.startswith("encoder.layer."))
    if (layers, width) != (shape.layers, shape.width):
        said = f"{shape.layers} layers of {shape.width}"
        raise ExportError(f"config.json says {said}, the weights are {layers} of {width}")
    if shape.width % shape.heads != 0:
        raise ExportError(f"config.json: {shape.heads} heads do not divide a width of {shape.width}")
    return shape


class Graph:
    """Collects nodes and weights; every method that adds one returns the name of its result."""

    def __init__(self):
        self.nodes = []
        self.initializers = []
        self.known = set()

    def node(self, operator, inputs, name, **attributes):
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, name, value):
        if name not in self.known:
            self.known.add(name)
            self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def integers(self, *values):
        return self.constant("integers_" + "_".join(map(str, values)), np.array(values, dtype=np.int64))

    def scalar(self, name, value):
        return self.constant(name, np.array(value, dtype=np.float32))


class Encoder:
    """Adds the encoder's parts to a graph, in the order a text passes through them."""

    def __init__(self, shape, weights):
        self.shape = shape
        self.weights = weights
        self.graph = Graph()

    def build(self):
        states = self.embeddings()
        penalty = self.mask_penalty()
        for layer in range(self.shape.layers):
            states = self.layer(f"encoder.layer.{layer}", states, penalty)
        self.pool(states)
        return self.model()

    def weight(self, name):
        return self.graph.constant(name, self.weights[name])

    def linear(self, prefix, states):
        """states · Wᵀ + b; the weight is stored transposed so that the graph holds a plain product."""
        matrix = self.graph.constant(f"{prefix}.weight.T", self.weights[f"{prefix}.weight"].T)
        product = self.graph.node("MatMul", [states, matrix], f"{prefix}.product")
        return self.graph.node("Add", [product, self.weight(f"{prefix}.bias")], prefix)

    def layer_norm(self, prefix, states):
        return self.graph.node(
            "LayerNormalization",
            [states, self.weight(f"{prefix}.weight"), self.weight(f"{prefix}.bias")],
            prefix,
            axis=-1,
            epsilon=self.shape.epsilon,
        )

    def embeddings(self):
        """Word, token-type and position embeddings, summed and normalized: [batch, tokens, width]."""
        graph = self.graph
        words = graph.node("Gather", [self.weight("embeddings.word_embeddings.weight"), "input_ids"], "words")
        types = self.weight("embeddings.token_type_embeddings.weight")
        types = graph.node("Gather", [types, "token_type_ids"], "types")
        size = graph.node("Shape", ["input_ids"], "size")
        tokens = graph.node("Slice", [size, graph.integers(1), graph.integers(2)], "tokens")
        table = self.weight("embeddings.position_embeddings.weight")
        positions = graph.node("Slice", [table, graph.integers(0), tokens, graph.integers(0)], "positions")
        summed = graph.node("Add", [graph.node("Add", [words, types], "words_types"), positions], "embedded")
        return self.layer_norm("embeddings.LayerNorm", summed)

    def mask_penalty(self):
        """0 for real tokens, the lowest float for padding: [batch, 1, 1, tokens], added to attention scores."""
        graph = self.graph
        graph.node("Cast", ["attention_mask"], "mask", to=TensorProto.FLOAT)
        spread = graph.node("Unsqueeze", ["mask", graph.integers(1, 2)], "mask_spread")
        padding = graph.node("Sub", [graph.scalar("one", 1.0), spread], "padding")
        return graph.node("Mul", [padding, graph.scalar("masked", MASKED)], "penalty")

    def layer(self, prefix, states, penalty):
        attended = self.linear(f"{prefix}.attention.output.dense", self.attention(prefix, states, penalty))
        states = self.residual(f"{prefix}.attention.output", attended, states)
        hidden = self.gelu(f"{prefix}.intermediate", self.linear(f"{prefix}.intermediate.dense", states))
        return self.residual(f"{prefix}.output", self.linear(f"{prefix}.output.dense", hidden), states)

    def residual(self, prefix, change, states):
        summed = self.graph.node("Add", [change, states], f"{prefix}.residual")
        return self.layer_norm(f"{prefix}.LayerNorm", summed)

    def attention(self, prefix, states, penalty):
        """softmax(q · kᵀ / √head_width + penalty) · v, heads side by side: [batch, tokens, width]."""
        graph, base = self.graph, f"{prefix}.attention"
        query = self.heads(f"{base}.self.query", states, [0, 2, 1, 3])
        key = self.heads(f"{base}.self.key", states, [0, 2, 3, 1])
        value = self.heads(f"{base}.self.value", states, [0, 2, 1, 3])
        raw = graph.node("MatMul", [query, key], f"{base}.raw")
        root = graph.scalar("root_of_head_width", math.sqrt(self.shape.head_width))
        scaled = graph.node("Div", [raw, root], f"{base}.scaled")
        scores = graph.node("Add", [scaled, penalty], f"{base}.scores")
        shares = graph.node("Softmax", [scores], f"{base}.shares", axis=-1)
        mixed = graph.node("MatMul", [shares, value], f"{base}.mixed")
        together = graph.node("Transpose", [mixed], f"{base}.together", perm=[0, 2, 1, 3])
        return graph.node("Reshape", [together, graph.integers(0, 0, self.shape.width)], f"{base}.joined")

    def heads(self, prefix, states, order):
        """A projection cut into heads; `order` says how [batch, tokens, heads, head_width] is turned."""
        size = self.graph.integers(0, 0, self.shape.heads, self.shape.head_width)
        cut = self.graph.node("Reshape", [self.linear(prefix, states), size], f"{prefix}.cut")
        return self.graph.node("Transpose", [cut], f"{prefix}.heads", perm=order)

    def gelu(self, prefix, states):
        """x · (1 + erf(x / √2)) · ½, in the order of operations that ONNX Runtime recognizes and fuses."""
        graph = self.graph
        scaled = graph.node("Div", [states, graph.scalar("root_of_two", math.sqrt(2.0))], f"{prefix}.scaled")
        erf = graph.node("Erf", [scaled], f"{prefix}.erf")
        plus = graph.node("Add", [erf, graph.scalar("one", 1.0)], f"{prefix}.plus")
        product = graph.node("Mul", [states, plus], f"{prefix}.gated")
        return graph.node("Mul", [product, graph.scalar("half", 0.5)], f"{prefix}.gelu")

    def pool(self, states):
        """Mean over the tokens the mask keeps, as sentence-transformers computes it, then length 1."""
        graph = self.graph
        weights = graph.node("Unsqueeze", ["mask", graph.integers(2)], "token_weights")
        weighted = graph.node("Mul", [states, weights], "weighted_states")
        total = graph.node("ReduceSum", [weighted, graph.integers(1)], "total", keepdims=0)
        count = graph.node("ReduceSum", ["mask", graph.integers(1)], "count", keepdims=1)
        count = graph.node("Max", [count, graph.scalar("smallest_count", 1e-9)], "count_at_least")
        mean = graph.node("Div", [total, count], "mean")
        length = graph.node("ReduceL2", [mean], "length", axes=[1], keepdims=1)
        length = graph.node("Max", [length, graph.scalar("smallest_length", 1e-12)], "length_at_least")
        graph.node("Div", [mean, length], OUTPUT)

    def model(self):
        inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"]) for name in INPUTS]
        output = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", self.shape.width])
        graph = helper.make_graph(self.graph.nodes, NAME, inputs, [output], self.graph.initializers)
        opsets = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, ir_version=IR_VERSION, opset_imports=opsets, producer_name="alike")


def reference(shape, weights, ids, mask, types):
    """The same encoder in float64 with numpy alone, written from the published equations: [batch, width]."""
    tensor = {name: value.astype(np.float64) for name, value in weights.items() if value.dtype.kind == "f"}

    def linear(prefix, x):
        return x @ tensor[f"{prefix}.weight"].T + tensor[f"{prefix}.bias"]

    def norm(prefix, x):
        centered = x - x.mean(-1, keepdims=True)
        spread = np.sqrt((centered**2).mean(-1, keepdims=True) + shape.epsilon)
        return centered / spread * tensor[f"{prefix}.weight"] + tensor[f"{prefix}.bias"]

    def attend(prefix, x):
        batch, tokens, _ = x.shape
        q, k, v = (
            linear(f"{prefix}.{part}", x).reshape(batch, tokens, shape.heads, -1).swapaxes(1, 2)
            for part in ("query", "key", "value")
        )
        scores = q @ k.swapaxes(2, 3) / math.sqrt(shape.head_width)
        scores = np.where(mask[:, None, None, :] == 1, scores, -np.inf)
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        return (shares @ v).swapaxes(1, 2).reshape(x.shape)

    erf = np.vectorize(math.erf, otypes=[np.float64])
    x = tensor["embeddings.word_embeddings.weight"][ids]
    x = x + tensor["embeddings.token_type_embeddings.weight"][types]
    x = norm("embeddings.LayerNorm", x + tensor["embeddings.position_embeddings.weight"][: ids.shape[1]])
    for layer in range(shape.layers):
        prefix = f"encoder.layer.{layer}"
        attended = linear(f"{prefix}.attention.output.dense", attend(f"{prefix}.attention.self", x))
        x = norm(f"{prefix}.attention.output.LayerNorm", attended + x)
        hidden = linear(f"{prefix}.intermediate.dense", x)
        hidden = 0.5 * hidden * (1.0 + erf(hidden / math.sqrt(2.0)))
        x = norm(f"{prefix}.output.LayerNorm", linear(f"{prefix}.output.dense", hidden) + x)
    mean = (x * mask[:, :, None]).sum(1) / np.maximum(mask.sum(1, keepdims=True), 1e-9)
    return mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12)


def word_pieces(text, vocabulary):
    """BERT's uncased tokenization, enough of it for the texts used here: lower case, no accents, every ideograph a word
    of its own, longest match."""
    plain = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(c) != "Mn")
    words = "".join(c if c.isalnum() and not "一" <= c <= "鿿" else f" {c} " for c in plain).split()
    ids = [vocabulary["[CLS]"]]
    for word in words:
        start = 0
        while start < len(word):
            candidates = (("##" if start else "") + word[start:end] for end in range(len(word), start, -1))
            piece = next((candidate for candidate in candidates if candidate in vocabulary), None)
            if piece is None:
                raise ExportError(f"tokenizer.json has no piece for {word[start:]!r}")
            ids.append(vocabulary[piece])
            start += len(piece) - (2 if start else 0)
    return [*ids, vocabulary["[SEP]"]]


def padded_batch(texts, vocabulary):
    """Texts as one padded batch of ids, mask and types, so that the mask is put to the test as well."""
    rows = [word_pieces(text, vocabulary) for text in texts]
    ids = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, pieces in enumerate(rows):
        ids[row, : len(pieces)] = pieces
        mask[row, : len(pieces)] = 1
    return ids, mask, np.zeros_like(ids)


def run_graph(serialized, batch):
    """Runs the graph with ONNX Runtime where this Python has it, else with onnx's own (slow) evaluator."""
    feed = dict(zip(INPUTS, batch))
    try:
        import onnxruntime
    except ImportError:
        from onnx.reference import ReferenceEvaluator

        return "the onnx reference evaluator", ReferenceEvaluator(serialized).run([OUTPUT], feed)[0]
    session = onnxruntime.InferenceSession(serialized, providers=["CPUExecutionProvider"])
    return f"ONNX Runtime {onnxruntime.__version__}", session.run([OUTPUT], feed)[0]


def verify(serialized, shape, weights, vocabulary):
    """Refuses a graph whose vectors are not those of the float64 forward pass."""
    onnx.checker.check_model(onnx.load_model_from_string(serialized), full_check=True)
    batch = padded_batch(CHECK_TEXTS, vocabulary)
    expected = reference(shape, weights, *batch)
    evaluator, actual = run_graph(serialized, batch)
    if actual.shape != expected.shape:
        raise ExportError(f"the graph answers {actual.shape}, expected {expected.shape}")
    error = float(np.abs(actual - expected).max())
    print(f"checked on {len(expected)} texts with {evaluator}: largest error {error:.1e} (allowed {MAX_ERROR:.0e})")
    if not error < MAX_ERROR:
        raise ExportError("the graph disagrees with the float64 forward pass; nothing was written")


def golden(shape, weights, vocabulary):
    """The golden texts with their float64 vectors, as tables of model.toml."""
    vectors = reference(shape, weights, *padded_batch(GOLDEN_TEXTS, vocabulary))
    tables = []
    for text, vector in zip(GOLDEN_TEXTS, vectors.tolist()):
        # Adding 0 turns the -0.0 that rounding may leave into 0.0.
        values = ", ".join(f"{round(value, GOLDEN_DECIMALS) + 0.0:.{GOLDEN_DECIMALS}f}" for value in vector)
        tables.append(f"\n[[golden]]\ntext = {json.dumps(text, ensure_ascii=False)}\nvector = [{values}]\n")
    return "".join(tables)


def settings(shape):
    """model.toml without its golden texts, as the service reads it."""
    return (
        f'name = "{NAME}"\n'
        f'version = "{VERSION}"\n'
        f"dimension = {shape.width}\n"
        f"max_tokens = {MAX_TOKENS}\n"
        "# The graph pools and normalizes: its output is already [batch, dimension], length 1.\n"
        'pooling = "none"\n'
        "normalize = false\n"
        'query_prefix = ""\n'
        'document_prefix = ""\n'
    )


def write_bundle(target, serialized, tokenizer, text):
    """Fills a folder beside the target and swaps it in, so that a bundle is whole or absent."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        (draft / "model.onnx").write_bytes(serialized)
        (draft / "tokenizer.json").write_bytes(tokenizer.read_bytes())
        (draft / "model.toml").write_text(text, encoding="utf-8")
        draft.chmod(0o755)
        if target.exists():
            shutil.rmtree(target)
        os.replace(draft, target)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def export(source, target):
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    weights = load_file(source / "model.safetensors")
    tokenizer = source / "tokenizer.json"
    vocabulary = json.loads(tokenizer.read_text(encoding="utf-8"))["model"]["vocab"]
    shape = read_shape(config, weights)
    serialized = Encoder(shape, weights).build().SerializeToString(deterministic=True)
    verify(serialized, shape, weights, vocabulary)
    write_bundle(target, serialized, tokenizer, settings(shape) + golden(shape, weights, vocabulary))
    digest = hashlib.sha256(serialized).hexdigest()
    print(f"exported {shape.layers} layers, {shape.width} wide, {shape.heads} heads; model.onnx has sha256 {digest}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, metavar="MODEL_FOLDER")
    parser.add_argument("target", type=Path, metavar="BUNDLE_FOLDER")
    arguments = parser.parse_args()
    try:
        export(arguments.source, arguments.target)
    except (ExportError, OSError, KeyError, ValueError) as error:
        sys.exit(f"export_onnx.py: {arguments.source}: {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
