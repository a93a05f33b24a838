"""Captions for files and folders: one line an image, whatever the folder holds and whenever the power fails.

The work is done in `pipelines.inference.jobs.captioning`, batch by batch; here its lines reach the disk. A batch is N
files that follow one another in the walk, readable or not, so the same folder always gives the same batches. A run that
goes on
after a kill therefore computes the batch that was cut off once more and appends what is missing of it: the file has the
same bytes as that of a run that was never stopped, even where the last digits of a network depend on what else is in
the batch.
"""

import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path

from captioner.errors import UserError
from pipelines.evaluation.reports.beam_tree import check_place
from pipelines.inference.jobs.captioning import CaptionOptions, work
from pipelines.inference.jobs.image_walk import Found, distinct_paths, find_clips, find_images
from pipelines.inference.jobs.journal import Journal, read_journal
from pipelines.inference.jobs.sidecars import CONTENTS, Sidecars
from pipelines.utils.tables import need_parquet, write_csv, write_parquet

FORMATS = (".jsonl", ".csv", ".parquet")


@dataclass
class CaptionSummary:
    """What was done.

    captioned, skipped: images of this run with a caption, and those that could not be read.
    unsure: captions of this run below the lowest score.
    before: images that were in the output already.
    changed: images that were in it and are no longer what they were: they were captioned again.
    faults: images that could not be read in the whole output, earlier runs included.
    left_alone: sidecars that were there already and that somebody else wrote.
    """

    captioned: int = 0
    skipped: int = 0
    unsure: int = 0
    before: int = 0
    changed: int = 0
    faults: int = 0
    left_alone: list[Path] = field(default_factory=list)
    seconds: float = 0.0


def caption_images(
    paths: Sequence[str | Path],
    captioner,
    output: str | Path | None = None,
    *,
    model: str = "",
    options: CaptionOptions | None = None,
    begin: Callable[[int], object] | None = None,
    show: Callable[[dict], object] | None = None,
) -> CaptionSummary:
    """Captions files and everything in folders.

    Args:
        paths: images and folders.
        captioner: an `ImageCaptioner`, or a function that loads one, called only if there is work to do.
        output: a `.jsonl`, `.csv` or `.parquet` file; one that the same call began before is gone on with.
            Without it nothing is written, and `show` gets the records.
        model: what tells this model from others, such as its checksum.
        options: how; by default as the model says.
        begin: called once with the number of images that the output has already.
        show: called with every new record, in order, after it is safe.

    Images that are new, or that changed since they were captioned (by size and time), get a new line; all others keep
    theirs.

    Raises:
        UserError: nothing to caption, an output that is not this job's, or a disk that refuses.
    """
    begun = time.monotonic()
    options = options or CaptionOptions()
    output = None if output is None else checked_output(Path(output))
    if options.tree is not None:
        check_place(options.tree, _may_be_several(paths, options))
    unknown = [kind for kind in options.sidecars if kind not in CONTENTS]
    if unknown:
        raise UserError(f"There is no sidecar called {unknown[0]!r}. Available: {', '.join(CONTENTS)}.")
    found, few = _peek(find_sources(paths, options), options.batch_size)
    batch_size = min(options.batch_size, max(few, 1))
    summary, sidecars = CaptionSummary(), Sidecars(options.sidecars)
    path_of = _path_of(paths, options)
    with _open_journal(output, _made_with(paths, model, options)) as journal:
        if journal is not None:
            summary.changed = _forget_changed(journal, paths, options, sidecars)
            summary.before, summary.faults = len(journal), journal.faults
            if options.sidecars:
                for record in read_journal(journal.path):
                    sidecars.write(record, path_of(record["image"]))
        if begin:
            begin(summary.before)
        for batch in work(_batches(found, batch_size, journal), captioner, options, batch_size):
            records = [one.record for one in batch]
            if journal is not None:
                journal.append(records, [one.stamp for one in batch])
            faults = sum("error" in record for record in records)
            summary.skipped += faults
            summary.faults += faults
            summary.captioned += len(records) - faults
            summary.unsure += sum("unsure" in record for record in records)
            for one in batch:
                sidecars.write(one.record, one.path)
                if show:
                    show(one.record)
    if output is not None and output.suffix.lower() != ".jsonl":
        write = write_csv if output.suffix.lower() == ".csv" else write_parquet
        write(read_journal(journal_path(output)), output, _columns(options))
    summary.left_alone = sidecars.left_alone
    summary.seconds = time.monotonic() - begun
    return summary


def _columns(options: CaptionOptions) -> list[str]:
    unsure = ["unsure"] if options.min_score is not None else []
    return ["image", "caption", "score", *unsure, *(["candidates"] if options.candidates > 1 else []), "error"]


def _forget_changed(journal: Journal, paths, options: CaptionOptions, sidecars: Sidecars) -> int:
    """Takes out of the journal what changed since."""
    if not len(journal):
        return 0
    path_of = _path_of(paths, options)
    files = ((file.name, file.path) for file in find_sources(paths, options))
    return journal.drop_changed(files, options.limits, lambda record: sidecars.remove(record, path_of(record["image"])))


def _may_be_several(paths: Sequence[str | Path], options: CaptionOptions) -> bool:
    """Whether there may be more than one image: a folder may get more, but with `frames` it may be one clip."""
    if options.frames:
        return len(list(itertools.islice(find_clips(paths), 2))) > 1
    return len(paths) != 1 or Path(paths[0]).is_dir()


def find_sources(paths, options: CaptionOptions) -> Iterator[Found]:
    """The images, or the clips, that `paths` stand for."""
    without = [] if options.attention is None else [options.attention]
    return (find_clips if options.frames else find_images)(paths, without)


def _path_of(paths, options: CaptionOptions) -> Callable[[str], str]:
    """Where the image of a name in the results is."""
    given = distinct_paths(paths)
    if not options.frames and len(given) == 1 and os.path.isdir(given[0]):
        return lambda name: os.path.join(given[0], name)
    return lambda name: name


def journal_path(output: Path) -> Path:
    """Where the journal of an output file is: the file itself if it is `.jsonl`, else beside it."""
    return output if output.suffix.lower() == ".jsonl" else output.with_name(output.name + ".jsonl")


def checked_output(output: Path) -> Path:
    """The output file, if it can be one.

    Raises:
        UserError: its name says no format, or it is somebody else's.
    """
    if output.suffix.lower() not in FORMATS:
        raise UserError(
            f"{output} should end in {', '.join(FORMATS[:-1])} or {FORMATS[-1]}: that says how it is written."
        )
    if output.is_dir():
        raise UserError(f"{output} is a folder. Give the name of a file to write to.")
    if output.suffix.lower() == ".parquet":
        need_parquet()  # to be told now, not after a night's work
    if output.exists() and not journal_path(output).exists():
        raise UserError(
            f"{output} exists already and was not begun by this command ({journal_path(output).name} is not "
            "beside it). Nothing was changed: give another --output, or move that file away."
        )
    return output


def _made_with(paths, model: str, options: CaptionOptions) -> dict:
    """What must be the same for two calls to write to one file; the keys stand in the message."""
    given = distinct_paths(paths)
    return {
        "model": model,
        **options.stated(),
        "number of candidates": options.candidates,
        "way of drawing words": None if options.sampling is None else asdict(options.sampling),
        "lowest sure score": options.min_score,
        "way of reading folders": "clips" if options.frames else None,
        "folder or list of images": [os.path.realpath(path) for path in given] if len(given) == 1 else sorted(given),
    }


def _open_journal(output: Path | None, made_with: dict):
    return nullcontext() if output is None else Journal(journal_path(output), made_with)


def _peek(found: Iterator[Found], number: int) -> tuple[Iterator[Found], int]:
    """The same images, and how many of the first `number` there are: one image needs no batch of 16."""
    first = list(itertools.islice(found, number))
    if not first:
        raise UserError(
            "There is no image in what was given. Images are known by their names' endings and their content."
        )
    return itertools.chain(first, found), len(first)


def _batches(found: Iterable[Found], size: int, journal: Journal | None) -> Iterator[tuple[list[Found], set[int]]]:
    """`(files, places of those that still need a line)` of every batch that has any."""
    found = iter(found)
    while batch := list(itertools.islice(found, size)):
        missing = {place for place, file in enumerate(batch) if journal is None or file.name not in journal}
        if missing:
            yield batch, missing
