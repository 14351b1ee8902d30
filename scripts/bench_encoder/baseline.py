"""The other side: onnxruntime from Python, as its users run it. Padded batches of 32, in the order of the input."""

import time

import numpy as np
import onnxruntime

from .bundle import BATCH

FEEDS = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}


class Baseline:
    """One graph in one session. Every figure has the tokenizer's part and the session's part apart."""

    def __init__(self, name, graph, bundle, threads):
        self.name, self.bundle = name, bundle
        self.tokenizer = bundle.tokenizer()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
        self.wanted = [node.name for node in self.session.get_inputs()]

    def feeds(self, texts):
        """The inputs of one batch."""
        encodings = self.tokenizer.encode_batch(texts)
        columns = {name: [getattr(one, FEEDS[name]) for one in encodings] for name in self.wanted}
        return {name: np.array(rows, dtype=np.int64) for name, rows in columns.items()}

    def run(self, feeds):
        """Vectors of one batch, pooled and normalized where the graph does not do it."""
        found = self.session.run(None, feeds)[0]
        if self.bundle.pooling == "cls":
            found = found[:, 0]
        elif self.bundle.pooling == "mean":
            mask = feeds["attention_mask"][:, :, None]
            found = (found * mask).sum(1) / mask.sum(1)
        if self.bundle.normalize:
            found = found / np.linalg.norm(found, axis=1, keepdims=True)
        return found

    def vectors(self, texts):
        """Rows in input order."""
        texts = [self.bundle.document_prefix + text for text in texts]
        return np.concatenate([self.run(self.feeds(texts[at : at + BATCH])) for at in range(0, len(texts), BATCH)])

    def bulk(self, texts):
        """One pass over the texts: seconds of both parts, tokens without and with padding."""
        texts = [self.bundle.document_prefix + text for text in texts]
        tokenizing = running = 0.0
        tokens = padded = 0
        for at in range(0, len(texts), BATCH):
            started = time.perf_counter()
            feeds = self.feeds(texts[at : at + BATCH])
            tokenized = time.perf_counter()
            self.run(feeds)
            running += time.perf_counter() - tokenized
            tokenizing += tokenized - started
            tokens += int(feeds["attention_mask"].sum())
            padded += feeds["attention_mask"].size
        return {
            "texts_per_s": len(texts) / (tokenizing + running),
            "session_texts_per_s": len(texts) / running,
            "tokens": tokens,
            "padded_tokens": padded,
        }

    def queries(self, texts):
        """One text after the other: microseconds of each whole call, and of its session part."""
        whole, session = [], []
        for text in texts:
            started = time.perf_counter()
            feeds = self.feeds([self.bundle.query_prefix + text])
            tokenized = time.perf_counter()
            self.run(feeds)
            ended = time.perf_counter()
            whole.append((ended - started) * 1e6)
            session.append((ended - tokenized) * 1e6)
        return {"calls_us": whole, "session_us": session}

    def stop(self):
        """For the sake of one interface with Alike's process: nothing to end."""
