"""Commands on terminals and in processes that people have: closed, full, of another alphabet."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from pipelines.cli.command import command

ROOT = Path(__file__).parents[3]


def captioner(arguments, redirection="", **environment):
    """Runs a command in a shell; returns its status, output and standard error."""
    text = f'"{sys.executable}" -m pipelines.cli.app {arguments} {redirection}'
    done = subprocess.run(text, shell=True, cwd=ROOT, capture_output=True, env={**os.environ, **environment})
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_terminal_of_another_alphabet_shows_what_it_can(encoding):
    """Sentences go through click, which writes UTF-8 where ASCII is announced; a table goes through rich."""
    status, _, errors = captioner('check "☃"', PYTHONIOENCODING=encoding)
    assert status == 1 and errors.startswith("☃ does" if encoding == "ascii" else "\\u2603 does")
    code = "from pipelines.cli.process import prepare; prepare(); import pipelines.utils.console as c; c.table('☃', [])"
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, env=environment)
    assert done.returncode == 0 and b"\\u2603" in done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere file names are UTF-8")
def test_a_locale_of_ascii_is_said_to_spoil_names():
    """Wrong if a folder is captioned under names that no other program finds, without a word."""
    status, _, errors = captioner('check "☃"', LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert status == 1 and errors.splitlines()[0].endswith("Set PYTHONUTF8=1.") and "does not exist" in errors


@pytest.mark.skipif(os.name == "nt", reason="the shell has other redirections")
def test_a_closed_output_is_reported_once_and_a_closed_error_stream_nowhere():
    status, printed, errors = captioner("list cells", ">&-")
    assert (status, printed, errors) == (0, "", "Standard output is closed: what this command prints is lost.\n")
    status, printed, errors = captioner("list cells", "2>&-")
    assert status == 0 and "lstm" in printed and errors == ""
    assert captioner("check nowhere", ">&- 2>&- <&-") == (1, "", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
def test_a_full_disk_is_a_sentence():
    status, _, errors = captioner("list cells", ">/dev/full")
    assert status == 1 and errors.startswith("A file, or the output, cannot be used: the disk is full.")
    assert len(errors.splitlines()) == 1


@pytest.mark.skipif(os.name == "nt", reason="the shell has other pipes")
def test_a_reader_who_has_seen_enough_is_no_fault():
    _, printed, errors = captioner("list settings", "| head -1")
    assert errors == "" and len(printed.splitlines()) == 1


def test_figures_are_drawn_whatever_matplotlib_is_told(tmp_path):
    """A backend of a notebook, and a home where matplotlib may not keep its fonts."""
    (tmp_path / "file").touch()
    code = "from pipelines.cli.process import prepare; prepare(); from matplotlib.figure import Figure; Figure()"
    environment = {**os.environ, "MPLBACKEND": "nonsense", "MPLCONFIGDIR": str(tmp_path / "file" / "below")}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_missing_package_is_a_sentence_and_a_missing_module_of_ours_a_traceback():
    """Wrong if a fault of the program were blamed on the installation."""

    def outcome(module):
        app = typer.Typer()

        def fails():
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)

        command(app)(fails)
        return CliRunner().invoke(app, [])

    done = outcome("tensorflow.python")
    assert done.exit_code == 1
    assert (
        done.output
        == "The package tensorflow is needed and not installed. Install it with: pip install 'captioner[cpu]'.\n"
    )
    assert isinstance(outcome("pipelines.nothing").exception, ModuleNotFoundError)
