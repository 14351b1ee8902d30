#!/usr/bin/env python3
"""What other people's clients make of a real server: the official OpenAI package, with nothing changed but the address.

    .alike/venv/bin/python tests/ops/test_clients.py --binary target/debug/alike --home .alike [-v] [TEST…]
"""

import argparse
import atexit
import math
import os
import shutil
import signal
import sys
import tempfile
import unittest
from pathlib import Path

import openai
from stack import Process, free_port, status_of

BINARY = Path()
HOME = Path()
MODEL = "all-minilm-l6-v2"
HELLO_WORLD = [7592, 2088]


class Service(Process):
    """A real `alike serve` without any collection."""

    def __init__(self, folder: Path, *flags: str):
        self.port = free_port()
        library = next((HOME / "lib").glob("libonnxruntime.so*"))
        command = [str(BINARY), "serve", "--data", str(folder), "--listen", f"127.0.0.1:{self.port}"]
        command += ["--model", str(HOME / "models" / MODEL), "--library", str(library), *flags]
        super().__init__("alike", command, folder / "alike.log", cwd=folder)

    def start(self) -> None:
        super().start()
        self.wait_until(lambda: status_of(self.port, "/health") == 200, "healthy")


def cosine(a: list[float], b: list[float]) -> float:
    return sum(map(lambda x, y: x * y, a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


class OpenAiTest(unittest.TestCase):
    """The official client."""

    @classmethod
    def setUpClass(cls) -> None:
        folder = Path(tempfile.mkdtemp(prefix="alike-clients-"))
        cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        cls.service = Service(folder)
        cls.addClassCleanup(cls.service.stop)
        cls.service.start()
        address = f"http://127.0.0.1:{cls.service.port}/v1"
        cls.client = openai.OpenAI(base_url=address, api_key="unused", max_retries=0)
        cls.addClassCleanup(cls.client.close)

    def embed(self, texts: object, **more: object) -> list[list[float]]:
        answer = self.client.embeddings.create(model=MODEL, input=texts, **more)
        self.assertEqual([entry.index for entry in answer.data], list(range(len(answer.data))))
        return [entry.embedding for entry in answer.data]

    def test_one_text(self) -> None:
        answer = self.client.embeddings.create(model=MODEL, input="hello world")
        self.assertEqual((answer.object, len(answer.data), len(answer.data[0].embedding)), ("list", 1, 384))
        self.assertEqual((answer.usage.prompt_tokens, answer.usage.total_tokens), (4, 4))
        self.assertTrue(answer.model.startswith(f"{MODEL}@1:"), answer.model)

    def test_the_client_asks_for_base64_by_itself_and_gets_the_same_numbers(self) -> None:
        raw = self.client.embeddings.with_raw_response.create(model=MODEL, input="hello world")
        self.assertIn(b'"encoding_format":"base64"', raw.http_request.content.replace(b'": "', b'":"'))
        self.assertIsInstance(raw.http_response.json()["data"][0]["embedding"], str)
        self.assertEqual(raw.parse().data[0].embedding, self.embed("hello world")[0])
        for found, expected in zip(self.embed("hello world", encoding_format="float")[0], self.embed("hello world")[0]):
            self.assertAlmostEqual(found, expected, places=7)

    def test_many_texts_and_tokens(self) -> None:
        alone = self.embed("hello world")[0]
        texts = ["red running shoes", "hello world", "a kettle"]
        together = self.embed(texts)
        self.assertEqual(len(together), 3)
        self.assertGreater(cosine(together[1], alone), 0.99999)
        self.assertLess(cosine(together[0], together[2]), 0.9)
        for tokens in (HELLO_WORLD, [HELLO_WORLD, HELLO_WORLD]):
            self.assertGreater(cosine(self.embed(tokens)[0], alone), 0.99999)
        self.assertEqual(len(self.embed([f"text {number}" for number in range(2048)])), 2048)

    def test_models(self) -> None:
        models = list(self.client.models.list())
        self.assertEqual([model.id for model in models], [f"{MODEL}@1"])
        self.assertEqual(self.client.models.retrieve(MODEL), models[0])
        with self.assertRaises(openai.NotFoundError) as caught:
            self.client.models.retrieve("text-embedding-3-small")
        self.assertEqual(caught.exception.code, "model_not_found")

    def test_errors_are_the_client_s_own(self) -> None:
        for texts, more, param in [
            ("", {}, "input"),
            ([], {}, "input"),
            (["a", ""], {}, "input[1]"),
            (["x"] * 2049, {}, "input"),
            ([4_000_000], {}, "input"),
            ("x", {"dimensions": 3}, "dimensions"),
            ("x", {"extra_body": {"input_type": "other"}}, "input_type"),
        ]:
            with self.assertRaises(openai.BadRequestError, msg=f"{param} {more}") as caught:
                self.embed(texts, **more)
            self.assertEqual((caught.exception.param, caught.exception.type), (param, "invalid_request_error"))
        with self.assertRaises(openai.NotFoundError) as caught:
            self.client.embeddings.create(model="text-embedding-3-small", input="x")
        self.assertEqual((caught.exception.code, caught.exception.param), ("model_not_found", "model"))
        self.assertIn(MODEL, caught.exception.message)
        self.assertTrue(self.service.running())

    def test_an_extension_is_reached_through_extra_body(self) -> None:
        self.assertEqual(self.embed("x", extra_body={"input_type": "query"}), self.embed("x"))

    def test_what_was_cut_is_in_a_header(self) -> None:
        raw = self.client.embeddings.with_raw_response.create(model=MODEL, input=["x", "shoe " * 1000])
        self.assertEqual(raw.headers["x-alike-truncated"], "1")
        self.assertEqual(raw.parse().usage.prompt_tokens, 3 + 256)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=Path, required=True, help="the alike binary")
    parser.add_argument("--home", type=Path, required=True, help="the .alike folder that scripts/setup made")
    arguments, rest = parser.parse_known_args()
    if not os.access(arguments.binary, os.X_OK):
        parser.error(f"no program at {arguments.binary}: build it first (cargo build)")
    if not (arguments.home / "models" / MODEL).is_dir():
        parser.error(f"no model in {arguments.home}: run scripts/setup")
    global BINARY, HOME
    BINARY, HOME = arguments.binary.resolve(), arguments.home.resolve()
    # Terminated like interrupted: nothing that was started stays behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()
