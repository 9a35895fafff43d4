"""Where the plugin finds the command."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

TEST = """
def test_a_daemon(tidegate_daemon):
    tidegate_daemon.define('key = "door"\\ncontrol = "v1"\\ntreatment = "v2"\\n')
    assert tidegate_daemon.status("door")["phase"] == "draft"
"""


def run(folder):
    """A test as a reader writes it, in an environment that is not activated and with no program on the path."""
    (folder / "test_reader.py").write_text(TEST)
    environment = {**os.environ, "PATH": "/nowhere"}
    environment.pop("TIDEGATE_PROGRAM", None)
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True).stdout


def test_the_command_is_found_beside_the_interpreter_where_its_wheel_puts_it(tidegate_program, tmp_path):
    beside = Path(sysconfig.get_path("scripts")) / "tidegate"
    if beside.exists():
        assert "1 passed" in run(tmp_path)
        return
    told = run(tmp_path)
    assert "1 skipped" in told and "install tidegate-bin" in told
    try:
        beside.symlink_to(Path(tidegate_program).resolve())
    except OSError:
        pytest.skip("the interpreter's folder cannot be written")
    try:
        assert "1 passed" in run(tmp_path)
    finally:
        beside.unlink()
