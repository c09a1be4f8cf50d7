import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SITE = ROOT / "_build" / "html"

os.environ["TQDM_DISABLE"] = "1"  # nbval's kernels inherit it, as the build's do
sys.path[:0] = [str(ROOT / "book"), str(ROOT / "tests")]
