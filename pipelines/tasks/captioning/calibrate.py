"""From which score on the captions of a model are sure."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from captioner.errors import UserError
from captioner.models.captioning.search_constraints import generation_config
from captioner.presets.folder import change_settings
from pipelines.evaluation.caption_metrics import compute_metrics
from pipelines.inference.models import checked_presets, load_captioner
from pipelines.tasks.captioning.evaluate import decode_split
from pipelines.training.run_folder import data_of, split_of
from pipelines.utils.progress import Reporter

WORTH = "cider_d"
SHARE = 2 / 3  # of the average worth, which unsure captions have at most
MOST = 0.2  # of all captions that are unsure: a mark on every second one is read by nobody
LEAST = 20  # captions below the threshold: of fewer the mean says nothing


def calibrate_captioner(
    preset: Path,
    data: Path | None = None,
    split: str = "dev",
    *,
    encoder_weights: Path | None = None,
    cache: Path | None = None,
    reporter: Reporter | None = None,
) -> float:
    """Chooses the score below which captions are unsure, and stores it in a preset.

    Args:
        preset: its folder.
        data, split: images with references that the model did not learn from.
        encoder_weights, cache: as in `pipelines.tasks.captioning.evaluate.evaluate_run`.
        reporter: where progress is logged.

    Returns:
        the score.

    Raises:
        UserError: the model or the data cannot be used, or low scores do not tell bad captions.
    """
    reporter = reporter or Reporter()
    search = generation_config(checked_presets([preset])[0].settings.search)
    examples = split_of(data_of(preset, data, reporter), split)  # before the model, which takes seconds
    captioner = load_captioner([preset], encoder_weights)
    decoded = decode_split(captioner, examples, search, cache or preset.absolute().parent / "cache", reporter)
    results = compute_metrics(decoded.texts, decoded.references, captioner.settings.text.tokenizer)
    worth = [results.report.per_caption[image][WORTH] for image in decoded.texts]
    scores = [decoded.captions[image].score for image in decoded.texts]
    least = lowest_sure_score(scores, worth)
    if least is None:
        raise UserError(
            f"The score of a caption says too little: there are no {LEAST} of {len(scores):,} captions with the lowest "
            f"scores that have at most {SHARE:.0%} of the average CIDEr-D. Use more images, or a better model."
        )
    below = np.array(scores) < least
    change_settings(preset, captioner.settings.model_copy(update={"min_score": least}))
    reporter.log(
        f"Captions below {least:g} are unsure: {below.mean():.1%} of {len(below):,}, CIDEr-D "
        f"{100 * np.mean(worth, where=below):.1f}; that of the others is {100 * np.mean(worth, where=~below):.1f}"
    )
    return least


def lowest_sure_score(scores: Sequence[float], worth: Sequence[float]) -> float | None:
    """The highest score such that the captions below it, a fifth at most, have two thirds of the average worth at most.

    None if there is no such score.

    >>> lowest_sure_score([-1.0] * 20 + [-0.5] * 80, [0.1] * 20 + [1.0] * 80)
    -0.75
    """
    order = np.argsort(scores, kind="stable")
    ranked, values = np.asarray(scores, float)[order], np.asarray(worth, float)[order]
    means = np.cumsum(values) / np.arange(1, len(values) + 1)
    # A threshold lies between two different scores.
    ends = np.flatnonzero((means[:-1] <= SHARE * values.mean()) & (ranked[:-1] < ranked[1:]))
    ends = ends[(ends >= LEAST - 1) & (ends < MOST * len(values))]
    return round(float(ranked[ends[-1]] + ranked[ends[-1] + 1]) / 2, 3) if len(ends) else None
