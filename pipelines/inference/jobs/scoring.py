"""Captions of images to their likelihood: one line a caption, whatever the file holds and whenever the power fails.

A batch is N captions that follow one another in the file, whether they can be scored or not, so the same file always
gives the same batches: what goes on after a kill has the same bytes as what was never stopped.
"""

import hashlib
import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from captioner.errors import UserError
from captioner.images.clips import decode_pixels, pixel_batch
from captioner.images.decode import ImageError, ImageLimits
from captioner.presets.folder import CHECKED, Preset
from captioner.text.tokenizers import get_tokenizer
from pipelines.inference.jobs.caption_images import journal_path
from pipelines.inference.jobs.caption_rows import Row, digest, why_not
from pipelines.inference.jobs.journal import Journal, read_journal
from pipelines.utils.tables import write_csv
from pipelines.utils.threads import parallel_map

FORMATS = (".jsonl", ".csv")
COLUMNS = ["image", "caption", "log_probability", "score", "perplexity", "words", "unknown"]
WORDS = ["each_word", "each_log_probability"]
AT_ONCE = 64  # captions of a batch
_AHEAD = 128  # images that are decoded before the network asks for them


@dataclass
class ScoreSummary:
    """All captions of a file together.

    captions: how many were scored. log_probability: their sum. steps: their words and ends. unknown: words that the
    model does not know. faults: captions that could not be scored.
    """

    captions: int = 0
    log_probability: float = 0.0
    steps: int = 0
    unknown: int = 0
    faults: int = 0

    def add(self, record: dict) -> None:
        if "error" in record:
            self.faults += 1
            return
        self.captions += 1
        self.log_probability += record["log_probability"]
        self.steps += record["words"] + 1
        self.unknown += len(record["unknown"])

    def __str__(self) -> str:
        if not self.captions:
            return "No caption was scored."
        mean = self.log_probability / self.steps
        words = self.steps - self.captions
        told = (
            f"{self.captions:,} caption{'' if self.captions == 1 else 's'}: {mean:.4f} a word, perplexity "
            f"{math.exp(-mean):.2f}"
        )
        if self.unknown:
            told += f"; {self.unknown:,} of {words:,} words are not known to the model and count as <unk>"
        return told + "."


def score_rows(
    rows: Sequence[Row],
    captioner,
    output: Path | None = None,
    *,
    model: str = "",
    each_word: bool = False,
    batch_size: int = 16,
    progress: Callable[[int, int], object] = lambda done, total: None,
    show: Callable[[dict, Row], object] = lambda record, row: None,
) -> ScoreSummary:
    """Scores captions, one record each.

    Args:
        rows: see `pipelines.inference.jobs.caption_rows`.
        captioner: an `ImageCaptioner`, or a function that loads one, called only if there is work to do.
        output: a `.jsonl` or `.csv` file; one that the same call began before is gone on with. Without it nothing is
            written.
        model: what tells this model from others, such as its checksum.
        each_word: also keep the words and their log-probabilities, the end's last.
        batch_size: images at once.
        progress: told captions done, and all of them.
        show: called with every new record and its row, in order, after it is safe.

    Raises:
        UserError: an output that is not this job's, or a disk that refuses.
    """
    summary = ScoreSummary()
    made_with = {"model": model, "set of captions": digest(rows), "choice of --words": each_word}
    with nullcontext() if output is None else _journal(output, made_with) as journal:
        done = 0 if journal is None else len(journal)
        for batch in _work(rows, captioner, set() if journal is None else journal, each_word, batch_size):
            if journal is not None:
                journal.append([record for record, _ in batch])
            for record, row in batch:
                show(record, row)
                if journal is None:
                    summary.add(record)
            done += len(batch)
            progress(done, len(rows))
    if output is not None:
        for record in read_journal(journal_path(output)):
            summary.add(record)
        if output.suffix.lower() == ".csv":
            write_csv(read_journal(journal_path(output)), output, [*COLUMNS, *(WORDS if each_word else ()), "error"])
    return summary


def checked_output(output: Path | None) -> Path | None:
    """The file to write.

    Raises:
        UserError: it is of a kind that is not written, or there already and not begun by this command.
    """
    if output is None:
        return None
    if output.suffix.lower() not in FORMATS:
        raise UserError(f"{output} should end in {' or '.join(FORMATS)}: that says how it is written.")
    if output.exists() and not journal_path(output).exists():
        raise UserError(
            f"{output} exists already and was not begun by this command ({journal_path(output).name} is not beside "
            "it). Nothing was changed: give another --output, or move that file away."
        )
    return output


def identity(preset: Preset) -> str:
    """What tells a model from others: checksums of what decides about scores."""
    checksums = {name: preset.metadata["checksums"][name] for name in CHECKED}
    return hashlib.sha256(json.dumps(checksums, sort_keys=True).encode()).hexdigest()


def _journal(output: Path, made_with: dict) -> Journal:
    return Journal(journal_path(output), made_with, key=lambda record: _key(record["number"]), things="scores")


def _work(rows, captioner, done, each_word: bool, batch_size: int) -> Iterator[list[tuple[dict, Row]]]:
    """Records batch by batch, of those rows that are not done."""
    batches = [rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE)]
    # From all rows: a run that goes on must read them as the first one did.
    batch_size = min(batch_size, max(len(_images(batch)) for batch in batches) or 1)
    width = max(_most_of_an_image(batch) for batch in batches)
    batches = [batch for batch in batches if any(_key(row.number) not in done for row in batch)]
    if not batches:
        return
    captioner = captioner() if callable(captioner) else captioner
    images = (path for batch in batches for path in _images(batch))
    decoded = parallel_map(partial(_decode, spec=captioner.encoder.spec), images, _AHEAD)
    try:
        for batch in batches:
            read = {path: next(decoded) for path in _images(batch)}
            records = _records(batch, read, captioner, each_word, batch_size, width)
            yield [(record, row) for record, row in zip(records, batch, strict=True) if _key(row.number) not in done]
    finally:
        decoded.close()


def _key(number: int) -> str:
    return str(number)


def _images(rows: Sequence[Row]) -> list[Path]:
    """The image files of rows that can be scored, each once."""
    return list(dict.fromkeys(row.path for row in rows if not why_not(row)))


def _most_of_an_image(rows: Sequence[Row]) -> int:
    """Captions of an image that are read together: as many as any of these has, up to five."""
    from captioner.models.captioning.scoring import SIDE_BY_SIDE

    return min(SIDE_BY_SIDE, max(Counter(row.image for row in rows).values()))


def _decode(path: Path, spec) -> np.ndarray | str:
    """Pixels, or why there are none."""
    try:
        return decode_pixels(path, spec, ImageLimits())
    except ImageError as error:
        return error.reason


def _records(rows, read: dict, captioner, each_word: bool, batch_size: int, width: int) -> list[dict]:
    from captioner.models.captioning.scoring import score_given, too_long

    tokenize = get_tokenizer(captioner.vocabulary.tokenizer).tokenize
    faults, of_image = {}, defaultdict(list)
    for row in rows:
        fault = why_not(row) or (read[row.path] if isinstance(read[row.path], str) else too_long(tokenize(row.caption)))
        if fault:
            faults[row.number] = fault
        else:
            of_image[row.path].append(row)
    scored = {}
    images = list(of_image)
    for start in range(0, len(images), batch_size):
        chunk = images[start : start + batch_size]
        pixels = pixel_batch([read[path] for path in chunk], captioner.encoder.spec)
        features = captioner.encode(pixels, batch_size)
        given = [[row.caption for row in of_image[path]] for path in chunk]
        for path, captions in zip(chunk, score_given(captioner, features, given, batch_size, width), strict=True):
            scored.update(zip((row.number for row in of_image[path]), captions, strict=True))
    return [_record(row, scored.get(row.number), faults.get(row.number), each_word) for row in rows]


def _record(row: Row, scored, fault: str | None, each_word: bool) -> dict:
    record = {"image": row.image, "number": row.number, "caption": row.caption}
    if scored is None:
        return {**record, "error": fault}
    record |= {
        "log_probability": round(scored.log_probability, 4),
        "score": round(scored.score, 4),
        "perplexity": round(scored.perplexity, 4),
        "words": len(scored.words),
        "unknown": list(scored.unknown),
    }
    if each_word:
        values = [round(float(value), 4) for value in scored.log_probabilities]
        record |= {"each_word": list(scored.words), "each_log_probability": values}
    return record
