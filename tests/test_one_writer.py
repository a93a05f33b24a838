"""All files are written by `captioner.files`: whole, on the disk, and never through somebody else's link."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WRITER = "captioner/files.py"
METHODS = {"write_text", "write_bytes", "touch", "mkdir", "symlink_to", "hardlink_to", "rename", "tofile"}
FUNCTIONS = {
    "os": {"open", "replace", "rename", "link", "symlink", "mkdir", "makedirs", "mkfifo"},
    "shutil": {"copy", "copy2", "copyfile", "copyfileobj", "copytree", "move"},
}
# These take a path or an open file: it has to be a file of `atomic_file`, or a buffer in memory.
SAVES = {"save", "savez", "savez_compressed", "savetxt", "savefig", "to_csv", "to_json", "to_parquet", "to_pickle"}
OPEN_FILES = {"file", "buffer"}
ALLOWED = {
    # The folder whose files replace those of a preset: new, and under a random name.
    ("captioner/presets/atomic_folder.py", "new.mkdir()"),
    ("captioner/presets/atomic_folder.py", "open(path, 'r+b')"),
    ("captioner/presets/atomic_folder.py", "os.rename(new, folder / READY)"),
    ("captioner/presets/atomic_folder.py", "os.replace(path, folder / path.name)"),
    ("captioner/presets/weights.py", "h5py.File(path, 'w')"),  # in that folder
    ("captioner/presets/weight_averaging.py", "h5py.File(path, 'w')"),
    # The folder of an export, which is new and has a random name until it is whole.
    ("pipelines/export/onnx.py", "onnx.save(network, str(folder / f'{name}.onnx'))"),
    (
        "pipelines/export/savedmodel.py",
        "tf.saved_model.save(module, str(folder / 'saved_model'), signatures=module.signatures())",
    ),
    # Methods of this project that call the writer.
    ("pipelines/export/write.py", "preset.vocabulary.save(folder / VOCABULARY)"),
    ("pipelines/export/write.py", "preset.answers.save(folder / ANSWERS)"),
    ("captioner/presets/folder.py", "vocabulary.save(new / VOCABULARY)"),
    ("captioner/presets/folder.py", "answers.save(new / ANSWERS)"),
    ("pipelines/training/run_folder.py", "vocabulary.save(run / WORDS)"),
    ("pipelines/training/loop.py", "self.experiment.save(self.run, facts)"),
    ("pipelines/data/datasets/drawn.py", "self.save(content, settings['image_size'], file)"),
    ("pipelines/cli/retrieval.py", "ranking.save(output)"),
    ("pipelines/evaluation/coco_scorer.py", "open(os.devnull, 'w')"),
    ("pipelines/cli/process.py", "os.open(os.devnull, os.O_RDWR)"),
}


def writes(call: ast.Call) -> bool:
    """Whether a call may write a file by itself."""
    function, first = call.func, call.args[0] if call.args else None
    name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
    owner = function.value.id if isinstance(getattr(function, "value", None), ast.Name) else ""
    if name in ("open", "fdopen", "File") and owner not in FUNCTIONS:
        of_path = name == "open" and isinstance(function, ast.Attribute)
        given = [word.value for word in call.keywords if word.arg == "mode"] or call.args[0 if of_path else 1 :]
        return bool(given) and isinstance(given[0], ast.Constant) and bool(set("wax+") & set(str(given[0].value)))
    if owner in FUNCTIONS:
        return name in FUNCTIONS[owner]
    if name in SAVES:
        return first is not None and not (isinstance(first, ast.Name) and first.id in OPEN_FILES)
    return name in METHODS


def direct_writes(source: str) -> list[str]:
    return [ast.unparse(node) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and writes(node)]


@pytest.mark.parametrize(
    "source",
    [
        "open(path, 'w')", "open(path, mode='ab')", "path.open('x')", "h5py.File(path, 'a')", "path.write_text('a')",
        "np.save(path, a)", "np.savez(folder / 'a.npz', a)", "figure.savefig(path)", "frame.to_csv(path)",
        "image.save(path)", "shutil.copy(a, b)", "os.replace(a, b)", "os.open(a, b)", "folder.mkdir()",
    ],
)  # fmt: skip
def test_a_direct_write_is_found(source):
    assert direct_writes(source) == [source]


@pytest.mark.parametrize(
    "source", ["open(path)", "open(path, 'rb')", "path.open()", "h5py.File(path)", "frame.to_csv(index=False)",
               "np.savez(file, a=a)", "image.save(buffer, format='PNG')", "text.replace('a', 'b')"],
)  # fmt: skip
def test_reading_is_no_write(source):
    assert direct_writes(source) == []


def test_nothing_is_written_but_by_the_writer():
    """Wrong if a new command overwrites half a file when the power fails, or a file elsewhere through a link."""
    found = {
        (name, call)
        for package in ("captioner", "pipelines")
        for path in sorted((ROOT / package).rglob("*.py"))
        if (name := path.relative_to(ROOT).as_posix()) != WRITER
        for call in direct_writes(path.read_text(encoding="utf-8"))
    }
    assert sorted(found - ALLOWED) == [], "write with captioner.files: atomic_file, atomic_write, open_to_append ..."
    assert sorted(ALLOWED - found) == [], "this is written no more: take it out of the list"
