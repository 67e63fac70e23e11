"""An environment with what a peer needs, made once below target/peers and entered by starting the script anew in it."""

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def enter(name, packages):
    """Goes on in the virtual environment `name`; installs `packages` from PyPI where they are not there yet."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    folder = target / "peers" / name
    python = folder / "bin" / "python"
    if Path(sys.prefix).resolve() == folder.resolve():
        return
    mark = folder / ("installed-" + "-".join(packages))
    if not mark.exists():
        quiet = {"stdout": sys.stderr, "check": True}
        subprocess.run([sys.executable, "-m", "venv", str(folder)], **quiet)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *packages], **quiet)
        mark.touch()
    os.execv(python, [str(python), *sys.argv])
