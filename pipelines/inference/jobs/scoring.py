"""The job of scoring captions of images by their likelihood: one record a caption."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from captioner.images.clips import pixel_batch
from captioner.models.captioning.scoring import SIDE_BY_SIDE, score_captions, too_long
from captioner.text.tokenizers import get_tokenizer
from pipelines.data.wordless import no_words
from pipelines.inference.jobs.caption_rows import Row, digest, row_problem
from pipelines.inference.jobs.images import DecodedImage, read_image
from pipelines.inference.jobs.job import Job, JobSummary

FORMATS = (".jsonl", ".csv")
COLUMNS = ["image", "caption", "log_probability", "score", "perplexity", "words", "unknown"]
WORDS = ["each_word", "each_log_probability"]
AT_ONCE = 64  # captions of a batch


@dataclass
class ScoreSummary(JobSummary):
    """What a run did, and all captions of the output together, those of earlier runs included.

    captions: how many were scored. log_probability: their sum. steps: their words and ends. unknown: words that the
    model does not know.
    """

    captions: int = 0
    log_probability: float = 0.0
    steps: int = 0
    unknown: int = 0

    def add(self, record: dict) -> None:
        super().add(record)
        self.count(record)

    def count(self, record: dict) -> None:
        """Counts a record of this run or of an earlier one."""
        if "error" not in record:
            self.captions += 1
            self.log_probability += record["log_probability"]
            self.steps += record["words"] + 1
            self.unknown += len(record["unknown"])

    def __str__(self) -> str:
        if not self.captions:
            return "No caption was scored."
        mean = self.log_probability / self.steps
        words = self.steps - self.captions
        text = (
            f"{self.captions:,} caption{'' if self.captions == 1 else 's'}: {mean:.2f} a word, perplexity "
            f"{math.exp(-mean):.2f}"
        )
        if self.unknown:
            text += f"; {self.unknown:,} of {words:,} words are not known to the model and count as <unk>"
        return text + "."


class ScoreJob(Job):
    """Scores captions; items are `Row`s.

    Args:
        rows: see `pipelines.inference.jobs.caption_rows`.
        captioner: an `ImageCaptioner`, or a function that loads one, called only if there is work to do.
        model: what identifies the model, such as its checksum.
        each_word: also keep the words and their log-probabilities, the end's last.
        batch_size: images at once.
    """

    things = "scores"
    key_fields = ("number",)
    formats = FORMATS
    read_ahead = 2 * AT_ONCE

    def __init__(
        self, rows: Sequence[Row], captioner, *, model: str = "", each_word: bool = False, batch_size: int = 16
    ):
        self.rows, self.captioner, self.model, self.each_word = rows, captioner, model, each_word
        # From all rows: a run that goes on must compute them as the first one did.
        self.batch_size = min(batch_size, max(len(self.inputs(batch)) for batch in self.batches()) or 1)
        most = max(max(Counter(row.image for row in batch).values()) for batch in self.batches())
        self.width = min(SIDE_BY_SIDE, most)  # captions of an image that are read together
        self.columns = [*COLUMNS, *(WORDS if each_word else ()), "error"]

    def made_with(self) -> dict:
        return {"model": self.model, "set of captions": digest(self.rows), "choice of --words": self.each_word}

    def batches(self) -> Iterator[Sequence[Row]]:
        return (self.rows[start : start + AT_ONCE] for start in range(0, len(self.rows), AT_ONCE))

    def summary(self) -> ScoreSummary:
        return ScoreSummary()

    def resumed(self, records: Iterable[dict], summary: ScoreSummary) -> None:
        for record in records:
            summary.count(record)

    def describe(self, item: Row) -> dict:
        return {"image": item.image, "number": item.number, "caption": item.caption}

    def load(self) -> None:
        self.captioner = self.captioner() if callable(self.captioner) else self.captioner

    def inputs(self, batch: Sequence[Row]) -> list[Path]:
        return list(dict.fromkeys(row.path for row in batch if not row_problem(row)))

    def read(self, source: Path) -> DecodedImage:
        return read_image(source, self.captioner.encoder.spec, self.limits)

    def work(self, batch: Sequence[Row], missing: list[int], contents: dict[Path, DecodedImage]) -> list[dict]:
        tokenizer = get_tokenizer(self.captioner.vocabulary.tokenizer)
        outcomes: dict[int, dict] = {}
        of_image: dict[Path, list[Row]] = defaultdict(list)
        for row in batch:
            fault = row_problem(row) or contents[row.path].problem or no_words(row.caption, tokenizer)
            fault = fault or too_long(tokenizer.tokenize(row.caption))
            if fault:
                outcomes[row.number] = {"error": fault}
            else:
                of_image[row.path].append(row)
        images = list(of_image)
        for start in range(0, len(images), self.batch_size):
            chunk = images[start : start + self.batch_size]
            pixels = pixel_batch([contents[path].pixels for path in chunk], self.captioner.encoder.spec)
            features = self.captioner.encode(pixels, self.batch_size)
            captions = [[row.caption for row in of_image[path]] for path in chunk]
            scored = score_captions(self.captioner, features, captions, self.batch_size, self.width)
            for path, scores in zip(chunk, scored, strict=True):
                outcomes.update(
                    (row.number, self._outcome(score)) for row, score in zip(of_image[path], scores, strict=True)
                )
        return [outcomes[batch[index].number] for index in missing]

    def _outcome(self, score) -> dict:
        fields = {
            "log_probability": round(score.log_probability, 4),
            "score": round(score.score, 4),
            "perplexity": round(score.perplexity, 4),
            "words": len(score.words),
            "unknown": list(score.unknown),
        }
        if self.each_word:
            values = [round(float(value), 4) for value in score.log_probabilities]
            fields |= {"each_word": list(score.words), "each_log_probability": values}
        return fields
