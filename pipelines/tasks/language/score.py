"""`captioner language score`: how likely texts are, side by side or in a file."""

import functools
from collections.abc import Sequence
from pathlib import Path

from captioner.errors import UserError
from captioner.files import atomic_write
from captioner.models.language.language_model import LanguageModel, ScoredText
from pipelines.inference.jobs.journal import to_line
from pipelines.tasks.language.corpora import read_document
from pipelines.training.known_words import check_known
from pipelines.utils.console import log, table
from pipelines.utils.tables import write_csv

COLUMNS = ("text", "log_probability", "perplexity", "words", "unknown")
AT_ONCE = 1000  # texts whose scores are computed together
REMEDY = "Give texts of the kind that the model has learned."
SHOWN = 60  # characters of a text in the table


def score_texts(run: Path, texts: Sequence[str], file: Path | None, output: Path | None) -> list[ScoredText]:
    """Scores texts and the lines of a file, and prints a table or writes `.jsonl` or `.csv`.

    Raises:
        UserError: see `LanguageModel.from_preset`; a file that cannot be read or written, or is of another format.
    """
    if output is not None and output.suffix.lower() not in (".jsonl", ".csv"):
        raise UserError(f"{output} would have to end in .jsonl or .csv.")
    texts = [*texts, *(line for line in (read_document(file).split("\n") if file else []) if line.strip())]
    if not texts:
        raise UserError(f"{file} holds no text that could be scored: all its lines are blank.")
    model = LanguageModel.from_preset(run)
    starts = range(0, len(texts), AT_ONCE)
    scored = [score for start in starts for score in model.score(texts[start : start + AT_ONCE])]
    _check_known(model, scored)
    if output is None:
        print_scores(model, scored)
    elif output.suffix.lower() == ".csv":
        write_csv(map(_record, scored), output, list(COLUMNS), follow_link=True)
    else:
        atomic_write(output, b"".join(map(to_line, map(_whole_record, scored))), follow_link=True)
    if output is not None:
        log(f"{len(scored):,} texts scored: {output}", error=True)
    return scored


def _check_known(model: LanguageModel, scored: Sequence[ScoredText]) -> None:
    """Warns where the model knows few words of the texts.

    Raises:
        UserError: it knows none.
    """
    unknown, words = sum(score.unknown for score in scored), sum(len(score.words) for score in scored)
    warn = functools.partial(log, error=True)
    check_known(unknown / max(words, 1), model.vocabulary.tokenizer, "the texts", REMEDY, warn)


def print_scores(model: LanguageModel, scored: Sequence[ScoredText]) -> None:
    unit = "characters" if model.vocabulary.tokenizer == "characters" else "words"
    rows = []
    for score in scored:
        text = score.text if len(score.text) <= SHOWN else score.text[: SHOWN - 3] + "..."
        numbers = f"{score.log_probability:.2f}", f"{score.perplexity:.2f}", str(len(score.words))
        rows.append([text, *numbers, str(score.unknown or "")])
    table(["text", "log p (nats)", "perplexity", unit, "unknown"], rows)


def _record(text: ScoredText) -> dict:
    return {
        "text": text.text,
        "log_probability": round(text.log_probability, 4),
        "perplexity": round(text.perplexity, 4),
        "words": len(text.words),
        "unknown": text.unknown,
    }


def _whole_record(text: ScoredText) -> dict:
    each = [round(float(value), 4) for value in text.log_probabilities]
    return {**_record(text), "each_word": list(text.words), "each_log_probability": each}
