"""``python3 scripts/sample_store --out DIR``: makes the invented sample store (see store.py)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sample_store.store import main  # noqa: E402  (the folder above has to be on the path first)

sys.exit(main())
