"""scripts/setup on a copy of an installed folder, with every way to a package index closed."""

import hashlib
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ".alike/lib/libonnxruntime.so.1.31.1"
MODEL = ".alike/models/all-minilm-l6-v2/model.onnx"


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def link(source, target):
    """A hard link where the file system allows it; setup replaces files, it never writes into one."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def replace(path, content):
    path.unlink()
    path.write_bytes(content)


class SetupTest(unittest.TestCase):
    def setUp(self):
        installed = ROOT / ".alike"
        if not (installed / "downloads").is_dir():
            self.fail("run scripts/setup first")
        folder = tempfile.TemporaryDirectory(dir=installed, prefix="test.")
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        shutil.copytree(ROOT / "scripts", self.root / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
        (self.root / ".alike").mkdir()
        for name in ("downloads", "lib", "models"):
            shutil.copytree(installed / name, self.root / ".alike" / name, copy_function=link)
        os.symlink(installed / "venv", self.root / ".alike/venv")

    def setup_script(self):
        closed = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.root), "PIP_CONFIG_FILE": os.devnull}
        command = [self.root / "scripts/setup"]
        return subprocess.run(command, env=os.environ | closed, capture_output=True, text=True, check=False)

    def assert_ready(self, result):
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue(result.stdout.endswith("setup: ready\n"), result.stdout)

    def test_nothing_to_do_changes_nothing(self):
        before = (self.root / LIBRARY).stat(), (self.root / MODEL).stat()
        result = self.setup_script()
        self.assert_ready(result)
        self.assertNotIn("downloading", result.stdout)
        after = (self.root / LIBRARY).stat(), (self.root / MODEL).stat()
        self.assertEqual([stat.st_ino for stat in before], [stat.st_ino for stat in after])
        self.assertEqual(sorted(path.name for path in (self.root / ".alike").glob("setup.*")), ["setup.lock"])

    def test_a_damaged_library_is_restored_from_the_kept_wheel(self):
        whole = sha256(self.root / LIBRARY)
        replace(self.root / LIBRARY, b"\x7fELF half a library")
        result = self.setup_script()
        self.assert_ready(result)
        self.assertIn("damaged", result.stdout)
        self.assertEqual(sha256(self.root / LIBRARY), whole)

    def test_a_damaged_model_is_exported_again_to_the_same_bytes(self):
        content = (self.root / MODEL).read_bytes()
        replace(self.root / MODEL, content[:-1])
        self.assert_ready(self.setup_script())
        self.assertEqual((self.root / MODEL).read_bytes(), content)

    def test_what_a_killed_run_left_is_removed(self):
        left = self.root / ".alike/setup.AbC123"
        left.mkdir()
        (left / "model.onnx").write_bytes(b"half")
        self.assert_ready(self.setup_script())
        self.assertFalse(left.exists())

    def test_a_changed_exporter_must_be_pinned(self):
        content = (self.root / MODEL).read_bytes()
        script = self.root / "scripts/export_onnx.py"
        replace(script, script.read_bytes().replace(b'VERSION = "1"', b'VERSION = "2"'))
        replace(self.root / MODEL, content[:-1])
        result = self.setup_script()
        self.assertEqual(result.returncode, 1)
        self.assertIn("SETTINGS_SHA256=", result.stderr)
        self.assertEqual((self.root / MODEL).read_bytes(), content[:-1])

    def test_a_damaged_wheel_without_a_network_is_an_error_that_says_what_to_do(self):
        replace(self.root / LIBRARY, b"")
        wheel = next((self.root / ".alike/downloads").glob("onnxruntime-*.whl"))
        replace(wheel, wheel.read_bytes()[:1000])
        result = self.setup_script()
        self.assertEqual(result.returncode, 1)
        for expected in (wheel.name, "PIP_INDEX_URL", "HTTPS_PROXY", ".alike/downloads"):
            self.assertIn(expected, result.stderr)
        self.assertFalse(wheel.exists(), "half a download was left behind")
        self.assertEqual([path.name for path in (self.root / ".alike").glob("setup.*")], ["setup.lock"])

    def test_an_unknown_argument_is_refused(self):
        result = subprocess.run([ROOT / "scripts/setup", "--test"], capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("--test", result.stderr)


if __name__ == "__main__":
    unittest.main()
