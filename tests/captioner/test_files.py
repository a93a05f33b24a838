"""How files are written: whole, by one process at a time, and never through a link of somebody else."""

import errno
import os
import stat
import subprocess
import sys
import threading

import pytest

from captioner import files
from captioner.errors import UserError
from captioner.files import (
    FileThere,
    atomic_file,
    atomic_write,
    locked_file,
    locked_folder,
    make_folder,
    open_regular,
    open_to_append,
    remove_leftovers,
)

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links and modes are those of POSIX")


@pytest.fixture
def secret(tmp_path):
    """A file outside of the folder that the program writes to, which must stay as it is."""
    path = tmp_path / "elsewhere" / "secret"
    path.parent.mkdir()
    path.write_text("secret")
    yield path
    assert path.read_text() == "secret" and [each.name for each in path.parent.iterdir()] == ["secret"]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


def test_a_file_is_written_as_a_whole_or_not_at_all(folder):
    atomic_write(folder / "a.txt", "old")
    with pytest.raises(RuntimeError), atomic_file(folder / "a.txt") as file:
        file.write(b"half")
        raise RuntimeError
    assert (folder / "a.txt").read_text() == "old" and os.listdir(folder) == ["a.txt"]
    atomic_write(folder / "a.txt", b"new")
    assert (folder / "a.txt").read_text() == "new" and os.listdir(folder) == ["a.txt"]


def test_a_temporary_file_has_a_name_that_nobody_can_guess(folder):
    names = []
    for _ in range(2):
        with atomic_file(folder / "a.txt"):
            names += [name for name in os.listdir(folder) if name != "a.txt"]
    assert len(set(names)) == 2


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o755])
def test_the_mode_of_a_file_stays(folder, mode):
    """Wrong if captions that only their owner may read become readable for all."""
    path = folder / "a.txt"
    path.touch()
    path.chmod(mode)
    before = os.umask(0o077)
    try:
        with atomic_file(path) as file:
            assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == mode
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_new_file_has_the_usual_mode(folder):
    before = os.umask(0o027)
    try:
        atomic_write(folder / "a.txt", "a")
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / "a.txt").stat().st_mode) == 0o640


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may give files away")
def test_the_owner_of_a_file_stays(folder):
    path = folder / "a.txt"
    path.touch()
    os.chown(path, 12345, 23456)
    atomic_write(path, "a")
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 23456)


@pytest.mark.parametrize("is_there", [True, False], ids=["file", "dangling"])
def test_a_link_that_the_user_named_stays_one(folder, tmp_path, is_there):
    target = tmp_path / "disk" / "real.txt"
    target.parent.mkdir()
    if is_there:
        target.write_text("old")
    (folder / "link.txt").symlink_to(target)
    atomic_write(folder / "link.txt", "new", follow_link=True)
    assert (folder / "link.txt").is_symlink() and target.read_text() == "new"
    assert os.listdir(folder) == ["link.txt"] and os.listdir(target.parent) == ["real.txt"]


def test_no_other_link_is_written_through(folder, secret):
    """Wrong if a downloaded folder with a link can make the program overwrite a file elsewhere."""
    (folder / "a.txt").symlink_to(secret)
    for write in (atomic_write, lambda path, _: open_to_append(path)):
        with pytest.raises(UserError, match=r"a\.txt cannot be written: it is a link to .*secret.*Remove the link"):
            write(folder / "a.txt", "new")
    assert (folder / "a.txt").is_symlink()


def test_links_with_the_names_of_temporary_files_are_not_followed(folder, secret, monkeypatch):
    """Not even if somebody could guess the name."""
    monkeypatch.setattr(files.secrets, "token_hex", lambda size: "0" * 2 * size)
    for name in ("a.txt.part", "a.txt.new", f"a.txt.{'0' * 16}.captioner-part"):
        (folder / name).symlink_to(secret)
    with pytest.raises(UserError):
        atomic_write(folder / "a.txt", "new")


def test_no_folder_is_made_through_a_link(folder, secret):
    (folder / "pages").symlink_to(secret.parent)
    for path in (folder / "pages", folder / "pages" / "deeper" / "still"):
        with pytest.raises(UserError, match="pages cannot be written: it is a link"):
            make_folder(path, below=folder)
    assert make_folder(folder / "others" / "deeper", below=folder).is_dir()


def test_a_folder_that_the_user_named_may_be_a_link(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    assert make_folder(tmp_path / "link", below=tmp_path / "link") == tmp_path / "link"
    make_folder(tmp_path / "link" / "a", below=tmp_path / "link")
    assert (folder / "a").is_dir()


@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_what_is_no_file_is_not_written(tmp_path, kind):
    path = tmp_path / "it"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/null")
    reason = "it is a folder" if kind == "folder" else "it is a device or a pipe"
    for write in (lambda: atomic_write(path, "a", follow_link=True), lambda: open_to_append(path, follow_link=True)):
        with pytest.raises(UserError, match=reason):
            write()
    if kind != "folder":
        with pytest.raises(UserError, match="a file was expected"):
            open_regular(path)


def test_what_is_appended_stays_out_of_a_file_with_two_names(folder, secret):
    """An archive may hold hard links: a folder that was unpacked could then share a file with another one."""
    os.link(secret, folder / "a.txt")
    with open_to_append(folder / "a.txt") as file:
        file.write(b" and more")
    assert (folder / "a.txt").read_text() == "secret and more" and os.listdir(folder) == ["a.txt"]


def test_a_file_that_is_to_be_new_replaces_none(folder, secret):
    (folder / "a.txt").write_text("mine")
    (folder / "b.txt").symlink_to(secret)
    for name in ("a.txt", "b.txt"):
        with pytest.raises(FileThere):
            atomic_write(folder / name, "new", replace=False)
    with pytest.raises(FileThere), atomic_file(folder / "c.txt", replace=False) as file:
        file.write(b"new")
        (folder / "c.txt").write_text("somebody was faster")
    assert (folder / "a.txt").read_text() == "mine" and (folder / "c.txt").read_text() == "somebody was faster"
    atomic_write(folder / "d.txt", "new", replace=False)
    assert (folder / "d.txt").read_text() == "new" and len(os.listdir(folder)) == 4


def test_a_disk_without_second_names_takes_new_files_too(folder, monkeypatch):
    def refused(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    atomic_write(folder / "a.txt", "new", replace=False)
    assert (folder / "a.txt").read_text() == "new" and os.listdir(folder) == ["a.txt"]


def test_the_longest_names_can_be_written(folder):
    name = "é" * 127
    atomic_write(folder / name, "a")
    assert os.listdir(folder) == [name]


def test_a_file_that_is_read_in_another_process_is_of_one_writer(folder):
    """Two writers of one file at once are harmless: it is always the whole file of one of them."""
    path, stop, seen = folder / "a.bin", threading.Event(), set()
    atomic_write(path, b"a" * 100_000)

    def write(letter):
        while not stop.is_set():
            atomic_write(path, letter * 100_000)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b")]
    for thread in threads:
        thread.start()
    for _ in range(200):
        data = path.read_bytes()
        assert data in (b"a" * 100_000, b"b" * 100_000)
        seen.add(data[:1])
    stop.set()
    for thread in threads:
        thread.join()
    assert os.listdir(folder) == ["a.bin"]


HOLDS = """
import sys, time
from pathlib import Path
from captioner.files import atomic_file, locked_file, locked_folder
lock = locked_folder if sys.argv[1] == "folder" else locked_file
with lock(Path(sys.argv[2])), atomic_file(Path(sys.argv[3])) as file:
    file.write(b"half")
    print("ready", flush=True)
    time.sleep(600)
"""


def hold(kind, path, temporary):
    """A process that has a lock, and a half-written file."""
    command = [sys.executable, "-c", HOLDS, kind, str(path), str(temporary)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_a_second_process_is_refused_until_the_first_has_ended_however_it_ends(tmp_path, kind):
    """Wrong if two trainings write into one run, or if a killed one locks its run forever."""
    path = tmp_path / "run" if kind == "folder" else tmp_path / "c.jsonl"
    lock = {"folder": locked_folder, "file": locked_file}[kind]
    inside = path / "half.txt" if kind == "folder" else path
    process = hold(kind, path, inside)
    try:
        with pytest.raises(UserError, match=rf"{path.name} is being written by another process"), lock(path):
            pass
        remove_leftovers(inside.parent)
        assert list(inside.parent.glob("*-part")), "the file of a living process was removed"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    with lock(path):
        assert not list(inside.parent.glob("*-part")), "what the killed process left is still there"
    left = os.listdir(path) if path.is_dir() else os.listdir(tmp_path)
    assert left == []


def test_a_second_thread_is_refused_and_the_first_may_lock_again(folder):
    refused = []

    def second():
        try:
            with locked_folder(folder):
                refused.append(False)
        except UserError:
            refused.append(True)

    with locked_folder(folder):
        with locked_folder(folder):
            pass
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert refused == [True]
    with locked_folder(folder):
        pass


def test_a_lock_waits_where_it_is_told_to(folder):
    entered, leave = threading.Event(), threading.Event()

    def first():
        with locked_folder(folder):
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=first)
    thread.start()
    entered.wait(10)
    threading.Timer(0.1, leave.set).start()
    with locked_folder(folder, wait=10):
        assert leave.is_set()
    thread.join()


def test_a_link_in_the_place_of_a_lock_is_refused(folder, secret):
    (folder / ".lock").symlink_to(secret)
    (folder / "c.jsonl.lock").symlink_to(secret)
    with pytest.raises(UserError, match=r"\.lock cannot be written: it is a link"), locked_folder(folder):
        pass
    with pytest.raises(UserError, match=r"\.lock cannot be written: it is a link"), locked_file(folder / "c.jsonl"):
        pass


def test_a_folder_that_was_made_for_nothing_is_removed(tmp_path):
    with locked_folder(tmp_path / "new" / "newer"):
        assert (tmp_path / "new" / "newer").is_dir()
    assert not (tmp_path / "new").exists()
    with locked_folder(tmp_path / "new"):
        (tmp_path / "new" / "a").touch()
    assert (tmp_path / "new" / "a").exists()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL])
def test_a_disk_without_locks_is_written_without(folder, monkeypatch, number):
    """Some network disks have none; a sentence about another process would be untrue there."""
    if files.fcntl is None:
        pytest.skip("Windows")

    def refused(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files.fcntl, "flock", refused)
    half = folder / f"a.txt.{'0' * 16}.captioner-part"
    half.touch()
    with locked_folder(folder):
        atomic_write(folder / "a.txt", "a")
    assert half.exists(), "nobody can know whether its process lives"
    assert (folder / "a.txt").read_text() == "a"


def test_a_lock_whose_file_was_removed_meanwhile_is_taken_anew(folder, monkeypatch):
    """Whoever leaves removes the file of the lock: who opened it just before must not have a lock of nothing."""
    taken = []

    def try_lock(file, real=files._try_lock):
        if not taken:
            os.unlink(folder / ".lock")
        taken.append(file.name)
        return real(file)

    monkeypatch.setattr(files, "_try_lock", try_lock)
    with locked_folder(folder):
        assert len(taken) == 2 and (folder / ".lock").exists()


def test_many_processes_take_turns(tmp_path):
    """Counting in a file without losing a step shows that no two have a lock at once."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom captioner.files import atomic_write, locked_folder\n"
        "folder = Path(sys.argv[1])\n"
        "for _ in range(25):\n"
        "    with locked_folder(folder, wait=60):\n"
        "        atomic_write(folder / 'n', str(int((folder / 'n').read_text()) + 1))\n"
    )
    (tmp_path / "n").write_text("0")
    processes = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) for _ in range(3)]
    assert [process.wait(120) for process in processes] == [0, 0, 0]
    assert (tmp_path / "n").read_text() == "75" and os.listdir(tmp_path) == ["n"]
