"""What a power failure leaves of a folder: a record of the calls that a program makes, and a model of the disk.

After each call the record holds states that a disk could be in if the power failed then. What was flushed (fsync) is
there for certain: the bytes of a file, and the names in a folder, each for itself. Of all else the model takes

    - nothing;
    - all names, but no bytes: files are empty, or as long as they were when they were flushed;
    - all names, and half of the bytes;
    - everything, as after a kill;
    - everything but one name, for each name: a disk may write them in any order.
"""

import os
from contextlib import contextmanager
from pathlib import Path

import pytest

HOOKED = ("open", "fsync", "replace", "rename", "link", "unlink", "remove", "rmdir", "mkdir", "truncate")
FOLDER = "folder"


class RecordedDisk:
    """Records what is done to `root`.

    Attributes:
        states: tuples of (path, bytes or FOLDER), each once, in the order in which they became possible.
    """

    def __init__(self, root: Path):
        self.root = Path(root)
        self.numbers: dict[int, int] = {}  # inode -> number, which no later file has
        self.volatile: dict[str, int | str] = {}  # path -> number of its file
        self.first: dict[str, int | str] = {}
        self.steps: list[tuple] = []  # changes of names that are not flushed for certain
        self.bytes: dict[int, bytes] = {}  # what was flushed of a file
        self.states: dict[tuple, None] = {}
        self.look()
        self.first, self.steps = dict(self.volatile), []
        self.bytes = {number: self.read(path) for path, number in self.volatile.items() if number != FOLDER}

    @contextmanager
    def recording(self):
        with pytest.MonkeyPatch.context() as patch:
            for name in HOOKED:
                patch.setattr(os, name, self._hooked(name, getattr(os, name)))
            yield self
        self.look()
        self.remember()

    def _hooked(self, name, function):
        def call(*arguments, **options):
            self.look()
            self.remember()  # bytes that were written since the last call
            if name == "fsync":
                self.flush(os.readlink(f"/proc/self/fd/{arguments[0]}"))
            result = function(*arguments, **options)
            self.look()
            self.remember()
            return result

        return call

    def look(self):
        """Notes which names have changed: one step each, a renamed file as one step."""
        now, alive = {}, {}
        for folder, _, names in os.walk(self.root):
            if folder != str(self.root):
                now[os.path.relpath(folder, self.root)] = FOLDER
            for name in names:
                path = os.path.join(folder, name)
                inode = os.lstat(path).st_ino
                alive[inode] = self.numbers.get(inode, len(self.bytes) + len(self.steps) + len(self.numbers) + 1_000)
                while inode not in self.numbers and alive[inode] in self.bytes:
                    alive[inode] += 1
                self.bytes.setdefault(alive[inode], b"")
                now[os.path.relpath(path, self.root)] = alive[inode]
        self.numbers = alive
        gone = {path: number for path, number in self.volatile.items() if path not in now}
        for path in sorted(now, key=lambda path: (now[path] != FOLDER, path)):
            number = now[path]
            if self.volatile.get(path) != number:
                source = next((old for old, its in gone.items() if its == number and number != FOLDER), None)
                if source is None and number == FOLDER:  # a renamed folder: its files tell
                    source = self._renamed_from(path, now, gone)
                self.steps.append(("name", path, number, source))
                if source is not None:
                    gone.pop(source)
        for path in sorted(gone, reverse=True):
            self.steps.append(("remove", path))
        self.volatile = now

    def _renamed_from(self, path, now, gone):
        inside = {now[each] for each in now if each.startswith(f"{path}/")} - {FOLDER}
        return next(
            (old for old, its in gone.items()
             if its == FOLDER and inside and inside <= {gone[each] for each in gone if each.startswith(f"{old}/")}),
            None,
        )  # fmt: skip

    def flush(self, path):
        """What an fsync of a file or a folder makes certain."""
        if not path.startswith(str(self.root)):
            return
        name = os.path.relpath(path, self.root)
        if not os.path.isdir(path):
            if name in self.volatile:
                self.bytes[self.volatile[name]] = Path(path).read_bytes()
            return
        folder = "" if name == "." else name
        certain = [step for step in self.steps if os.path.dirname(step[1]) == folder]
        for step in certain:
            self.first = self._applied(self.first, step)
        self.steps = [step for step in self.steps if step not in certain]

    @staticmethod
    def _applied(names, step):
        names = dict(names)
        if step[0] == "remove":
            if not any(path.startswith(f"{step[1]}/") for path in names):
                names.pop(step[1], None)
            return names
        _, path, number, source = step
        if number == FOLDER and source is not None:
            moved = {path + old[len(source) :]: its for old, its in names.items() if old.startswith(f"{source}/")}
            names = {old: its for old, its in names.items() if old != source and not old.startswith(f"{source}/")}
            return {**names, path: FOLDER, **moved}
        if source is not None:
            names.pop(source, None)
        names[path] = number
        return names

    def read(self, path) -> bytes:
        try:
            return (self.root / path).read_bytes()
        except OSError:
            return b""

    def remember(self):
        paths = {number: path for path, number in self.volatile.items() if number != FOLDER}
        newest = {number: self.read(path) for number, path in paths.items()}
        half = {}
        for number, data in newest.items():
            flushed = len(self.bytes.get(number, b""))
            half[number] = data[: flushed + (len(data) - flushed) // 2] if len(data) > flushed else self.bytes[number]
        everything = self._names(self.steps)
        self._add(self._names([]), self.bytes)
        self._add(everything, self.bytes)
        self._add(everything, {**self.bytes, **half})
        self._add(everything, {**self.bytes, **newest})
        for left_out in self.steps:
            self._add(self._names([step for step in self.steps if step is not left_out]), self.bytes)

    def _names(self, steps):
        names = self.first
        for step in steps:
            names = self._applied(names, step)
        return names

    def _add(self, names, contents):
        reachable = {
            path: number
            for path, number in names.items()
            if all(str(parent) in names for parent in Path(path).parents if str(parent) != ".")
        }
        state = tuple(
            sorted((path, FOLDER if number == FOLDER else contents[number]) for path, number in reachable.items())
        )
        self.states.setdefault(state)

    def certain(self) -> list[tuple]:
        """The states that are possible now, after the last call."""
        before, self.states = self.states, {}
        self.remember()
        now, self.states = list(self.states), before
        return now


def restore(state, folder: Path) -> Path:
    """Makes a folder that is in a state."""
    folder.mkdir(parents=True)
    for path, data in state:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        if data == FOLDER:
            (folder / path).mkdir(exist_ok=True)
        else:
            (folder / path).write_bytes(data)
    return folder
