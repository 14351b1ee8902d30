"""Alike's side: builds its example programs, and keeps ``throughput`` running to ask it for one round after the other."""

import json
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from .bundle import Unusable

ROOT = Path(__file__).resolve().parents[2]
THROUGHPUT = ["-p", "alike-embeddings", "--example", "throughput"]
MEMORY = ["-p", "alike-embeddings", "--example", "memory"]
# So that an error's last line is its reason.
PLAIN_ERRORS = {"RUST_BACKTRACE": "0"}
CALLERS = ["-p", "alike", "--example", "callers"]
SERVER = ["-p", "alike", "--bin", "alike"]


class Failed(Exception):
    """A program gave no answer; the text says why."""


def build(target):
    """Compiles one program for release; returns its path."""
    command = ["cargo", "build", "--release", "--locked", *target, "--message-format", "json-render-diagnostics"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise Unusable(f"{' '.join(command[:-2])} failed (see above)")
    programs = (json.loads(line).get("executable") for line in done.stdout.splitlines())
    return Path([program for program in programs if program][-1])


def program(name, target, folder):
    """The program in ``folder``, or, without one, compiled here."""
    if folder is None:
        return build(target)
    found = [path for path in (Path(folder) / name, Path(folder) / "examples" / name) if path.exists()]
    if not found:
        raise Unusable(f"{folder}: has no {name} and no examples/{name}")
    return found[0]


def library(root=ROOT):
    found = sorted((Path(root) / ".alike/lib").glob("libonnxruntime.so*"))
    if not found:
        raise Unusable(f"{root}/.alike/lib: no ONNX Runtime library; run scripts/setup")
    return found[0]


def roofline(path, threads):
    """The processor's own limit, measured."""
    done = subprocess.run([path, "--roofline", "--threads", str(threads)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"throughput --roofline: {done.stderr.strip()}")
    return json.loads(done.stdout)


class Alike:
    """``throughput`` for bulk and, in another process, for queries: each with the crate's own settings for its purpose."""

    def __init__(self, name, path, bundle, variant, threads, work):
        self.name, self.work = name, Path(work)
        command = [path, "--library", library(), "--model", bundle.folder, "--variant", variant, "--threads", threads]
        self.bulk_process = Process([*command, "--for", "bulk"], threads)
        self.query_process = Process([*command, "--for", "queries"], threads)
        self.opened = self.bulk_process.opened

    def bulk(self, texts):
        """Whole, and without the tokenizer, as the baseline gives it."""
        whole = self.bulk_process.ask("bulk", self.file(texts))
        session = self.bulk_process.ask("bulk", self.file(texts, ids=True))
        return whole | {"session_texts_per_s": session["texts_per_s"], "session_tokens_per_s": session["tokens_per_s"]}

    def queries(self, texts):
        whole = self.query_process.ask("queries", self.file(texts))
        session = self.query_process.ask("queries", self.file(texts, ids=True))
        return {"calls_us": whole["calls_us"], "session_us": session["calls_us"]}

    def vectors(self, texts):
        with tempfile.NamedTemporaryFile(dir=self.work, suffix=".f32") as out:
            answer = self.bulk_process.ask("vectors", self.file(texts), out.name)
            return np.fromfile(out.name, dtype="<f4").reshape(answer["texts"], answer["dimension"])

    def file(self, texts, ids=False):
        return texts_file(self.work, texts, self.ids if ids else None)

    def prepare(self, tokenizer):
        """``ids``: what the tokenizer makes of a text, without padding."""

        def ids(text):
            encoding = tokenizer.encode(text)
            return [token for token, kept in zip(encoding.ids, encoding.attention_mask, strict=True) if kept]

        self.ids = ids

    def stop(self):
        self.bulk_process.stop()
        self.query_process.stop()


def texts_file(work, texts, ids=None):
    """A file with one text (or, with ``ids``, its token ids) per line; the same texts give the same file."""
    name = f"{abs(hash(tuple(texts))):x}.{'ids' if ids else 'txt'}"
    path = Path(work) / name
    if not path.exists():
        lines = (" ".join(map(str, ids(text))) for text in texts) if ids else texts
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


class Process:
    """A program that answers each line with a line of JSON; its first line says what it opened."""

    def __init__(self, command, threads):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=os.environ | PLAIN_ERRORS | {"RAYON_NUM_THREADS": str(threads)},
        )
        self.opened = self.answer()

    def ask(self, *words):
        try:
            self.process.stdin.write((" ".join(map(str, words)) + "\n").encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failed(self.reason()) from None
        return self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failed(self.reason())
        return json.loads(line)

    def reason(self):
        """Exit status and the end of what it wrote."""
        status = self.process.wait()
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").strip().splitlines()
        return f"{self.process.args[0]}: exit code {status}: {' '.join(lines[-3:])}"

    def stop(self):
        """Ends it. May be called again."""
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()
