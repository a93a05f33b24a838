"""Probabilities of answers that say how often the answers are right."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from captioner.metrics.calibration import calibration
from captioner.presets.folder import change_settings, read_preset
from captioner.settings import VisualQASettings
from captioner.text.answers import answer_key
from captioner.text.tokenizers import get_tokenizer
from pipelines.data.examples import QuestionExample
from pipelines.data.wordless import without_wordless
from pipelines.training.run_folder import split_of
from pipelines.utils.console import load_keras
from pipelines.utils.progress import Reporter

TEMPERATURES = np.geomspace(1 / 8, 8, 37)  # each 12 % above the one before; 1 is among them


def calibrate_answers(
    preset: Path,
    data: Path | None = None,
    split: str = "dev",
    *,
    encoder_weights: Path | None = None,
    cache: Path | None = None,
    reporter: Reporter | None = None,
) -> float:
    """Chooses the temperature at which the first answer's probability best foretells its accuracy, and stores it.

    Args:
        preset: its folder.
        data, split: images with answered questions that the model did not learn from.
        encoder_weights, cache, reporter: as in `pipelines.tasks.vqa.evaluate.evaluate_run`.

    Returns:
        the temperature.

    Reference: Guo et al. 2017 (https://arxiv.org/abs/1706.04599), section 4.2.
    """
    from pipelines.tasks.vqa.evaluate import questions_of

    reporter = reporter or Reporter()
    tokenizer = read_preset(preset, kinds={"visual_qa": VisualQASettings}).settings.text.tokenizer
    examples, problems = without_wordless(
        split_of(questions_of(preset, data, reporter), split), get_tokenizer(tokenizer)
    )
    reporter.problems(problems)
    load_keras()
    from captioner.models.vqa.visual_qa import VisualQA
    from pipelines.tasks.vqa.answer import answer_split
    from pipelines.tasks.vqa.images import QuestionsByImage

    model = VisualQA.from_preset(preset, encoder_weights)
    questions = QuestionsByImage.of([example for example in examples if example.answers])
    with reporter.images("Images") as advance:
        sees = model.network.image_encoder is not None
        reporter.problems(questions.open(model.encoder, cache or preset.absolute().parent / "cache", sees, advance))
    settings, found = model.settings, {}
    for temperature in map(float, TEMPERATURES.round(3)):
        model.settings = settings.model_copy(update={"temperature": temperature})
        found[temperature] = _told_and_right(questions.examples, answer_split(model, questions))
    best = min(found, key=lambda temperature: cross_entropy(*found[temperature]))
    change_settings(preset, settings.model_copy(update={"temperature": best}))
    reporter.log(
        f"Temperature {best:g}: expected calibration error {calibration(*found[1.0]).error:.3f} without it, "
        f"{calibration(*found[best]).error:.3f} with it, on {len(found[best][0]):,} questions"
    )
    return best


def _told_and_right(examples: Sequence[QuestionExample], answers) -> tuple[np.ndarray, np.ndarray]:
    """The probability of each question's first answer, and how right it is."""
    from captioner.training.soft_targets import rightness  # loads Keras

    rows = []
    for example in examples:
        if first := answers.get(example.id, [])[:1]:
            rows.append((first[0].probability, rightness(example.answers).get(answer_key(first[0].text), 0.0)))
    told, right = np.array(rows, float).reshape(-1, 2).T
    return told, right


def cross_entropy(told: np.ndarray, right: np.ndarray) -> float:
    """Mean of - r log p - (1 - r) log(1 - p), in nats; least where p is how right answers are on average."""
    told = np.clip(told, 1e-6, 1 - 1e-6)
    return float(-np.mean(right * np.log(told) + (1 - right) * np.log1p(-told)))
