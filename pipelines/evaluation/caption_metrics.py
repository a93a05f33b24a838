"""Everything that is measured of captions against references: scores, 95 % intervals, and the rows behind both."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from captioner.errors import UserError
from captioner.metrics.score import ScoreReport, score_captions
from captioner.text.wordnet import WORDNET_MISSING, open_wordnet
from pipelines.data.examples import DataSet
from pipelines.evaluation.bootstrap import DRAWS, combine_rows, intervals, truth_rows
from pipelines.evaluation.truth_scores import truth_scores

METRICS = ("bleu", "rouge_l", "cider_d", "cider", "meteor_wordnet", "diversity")
SAYING_LITTLE = (
    "Faithfulness does not count here: the captions name less than 90 % of what is there, and saying little is an easy "
    "way to say nothing false."
)
SCORERS = ("own", "coco")


@dataclass(frozen=True)
class MetricResults:
    """What is known about a set of captions.

    scored: the metrics' own report, with values of each caption.
    scores: all scores by name.
    intervals: the 95 % interval of each score that has one.
    rows: name -> `(images, F)`, in the order of `scored.per_caption`; `pipelines.evaluation.bootstrap.combine_rows`
        makes scores of them, so that two evaluations can be compared image by image.
    notes: sentences on what could not be had.
    """

    scored: ScoreReport
    scores: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    rows: dict[str, np.ndarray] = field(repr=False)
    notes: tuple[str, ...] = ()

    def facts(self, references: Iterable[Sequence[str]]) -> dict[str, object]:
        """How the scores were come by: what every report states."""
        counts = [len(texts) for texts in references]
        return {
            "images": self.scored.images,
            "references an image": " to ".join(map(str, sorted({min(counts), max(counts)}))),
            "tokenizer": self.scored.tokenizer,
            "brevity penalty": round(self.scores["brevity_penalty"], 4),
            "intervals": f"95 %, bootstrap over images, {DRAWS:,} draws",
        }


def compute_metrics(
    captions: Mapping[str, str],
    references: Mapping[str, Sequence[str]],
    tokenizer: str = "ptb",
    *,
    training: Iterable[str] | None = None,
    scorer: str = "own",
    dataset: DataSet | None = None,
    split: str = "",
) -> MetricResults:
    """Scores captions with every metric that can be had here.

    Args:
        captions: image -> caption.
        references: image -> references.
        tokenizer: what makes words of both.
        training: captions the model was trained on, for the share of novel ones.
        scorer: "own", or "coco" to run the COCO scorer as well.
        dataset, split: where the images are from: of drawn scenes it is known what is true.

    Raises:
        UserError: nothing to score, an image without references, or an unknown scorer.
    """
    if scorer not in SCORERS:
        raise UserError(f"There is no scorer called {scorer!r}. Available: {', '.join(SCORERS)}.")
    notes, metrics = [], METRICS
    if open_wordnet() is None:
        metrics = tuple(name for name in METRICS if name != "meteor_wordnet")
        notes.append(f"METEOR with WordNet was left out. {WORDNET_MISSING} The other scores are complete.")
    scored = score_captions(captions, references, tokenizer, metrics, training)
    rows = {name: values for name, values in scored.rows.items() if name != "diversity"}
    if training is not None:
        rows["novel_captions"] = scored.rows["diversity"][:, 1:]
    scores = dict(scored.scores)
    if dataset is not None and (true := truth_scores(dataset, split, captions)):
        scores = {**true, **scores}
        if not true.get("faithfulness_valid", 1.0):
            notes.append(SAYING_LITTLE)
        rows = {**_truth_rows(dataset, split, captions), **rows}
    if scorer == "coco":
        from pipelines.evaluation.coco_scorer import coco_scores

        theirs, sentences = coco_scores(captions, references)
        scores |= theirs
        notes += sentences
    ends: dict[str, tuple[float, float]] = {}
    for name, values in rows.items():
        ends |= intervals(values, lambda drawn, name=name: combine_rows(name, drawn))
    return MetricResults(scored, scores, ends, rows, tuple(notes))


def _truth_rows(dataset: DataSet, split: str, captions: Mapping[str, str]) -> dict[str, np.ndarray]:
    if dataset.name == "clips":
        from pipelines.data.datasets.clips import read_clips
        from pipelines.data.synthetic.clips import check_caption

        clips = read_clips(dataset.root)
        right = np.array([check_caption(text, clips[image]) for image, text in captions.items()], float)
        return {"direction_right": right[:, :1], "moving_right": right[:, 1:]}
    from pipelines.data.datasets.shapes import read_scenes
    from pipelines.data.synthetic.faithfulness import novel_object_right

    scenes = read_scenes(dataset.root)
    rows = {"truth": truth_rows(dict(captions), scenes)}
    if split == "novel":
        right = [[novel_object_right({image: text}, scenes)] for image, text in captions.items()]
        rows["novel_object_right"] = np.array(right, float)
    return rows


def digest_of(references: Sequence[str]) -> int:
    """A number that tells these references from others."""
    data = "\0".join(references).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")
