"""`captioner caption`: from folders and a model's folder to captions on the terminal or in a file."""

import hashlib
import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from captioner.presets.folder import CHECKED, Preset, read_preset
from pipelines.inference.jobs.caption_images import CaptionSummary, caption_images, find_sources
from pipelines.inference.jobs.captioning import CaptionOptions
from pipelines.inference.models import checked_presets, load_captioner
from pipelines.utils.caption_progress import CaptionProgress
from pipelines.utils.console import log, printable


def caption_with_model(
    paths: Sequence[Path],
    model: Path | Sequence[Path],
    output: Path | None,
    options: CaptionOptions,
    encoder_weights: Path | None,
    language: tuple[Path, float] | None = None,
) -> CaptionSummary:
    """Captions with the preset in `model`; tells progress and what was skipped on standard error.

    Args:
        model: a preset, or several that write together.
        language: preset of a language model that has a say in the search, and its weight.

    Raises:
        UserError: see `caption_images` and `ImageCaptioner.from_preset`.
    """
    models = [model] if isinstance(model, (str, Path)) else list(model)
    presets = checked_presets(models, options)
    checksums = _of_the_files(presets[0]) if len(presets) == 1 else [_of_the_files(preset) for preset in presets]
    if language:
        from captioner.settings import LanguageModelSettings

        other = read_preset(language[0], kinds={"language_model": LanguageModelSettings})
        checksums = {"captioner": checksums, "language": _of_the_files(other), "weight": language[1]}
    identity = hashlib.sha256(json.dumps(checksums, sort_keys=True).encode()).hexdigest()

    if output is None:
        load = partial(load_captioner, models, encoder_weights, language)
        alone = len(paths) == 1 and not paths[0].is_dir()
        summary = caption_images(paths, load, model=identity, options=options, show=_Lines(alone))
        _tell_left_alone(summary)
        return summary
    with CaptionProgress(find_sources(paths, options)) as progress:
        load = partial(load_captioner, models, encoder_weights, language, loaded=progress.start)
        summary = caption_images(
            paths, load, output, model=identity, options=options, begin=progress.before, show=progress.advance
        )
    _tell(summary, output)
    return summary


def _of_the_files(preset: Preset) -> dict[str, str]:
    """What tells a model from others: checksums of what decides about captions, not of its metadata."""
    return {name: preset.metadata["checksums"][name] for name in CHECKED}


class _Lines:
    """Prints captions: that of a single image alone, those of several with their images' names."""

    def __init__(self, alone: bool):
        self.alone = alone

    def __call__(self, record: dict) -> None:
        name = printable(record["image"])
        if "error" in record:
            log(f"{name}: {record['error']}", error=True)
            return
        captions = record.get("candidates") or [record]
        unsure = "  (unsure)" if record.get("unsure") else ""
        for caption in captions:
            score = f"{caption['score']:8.2f}  " if len(captions) > 1 else ""
            text = f"{score}{printable(caption['caption'])}{unsure}"
            log(text if self.alone else f"{name}\t{text}")
        sys.stdout.flush()


def _tell(summary: CaptionSummary, output: Path) -> None:
    told = [f"{summary.captioned:,} image{'' if summary.captioned == 1 else 's'} captioned"]
    if summary.captioned and summary.seconds:
        told[0] += f" in {summary.seconds:.1f} s"
    if summary.changed:
        told.append(f"{summary.changed:,} of them anew, because their files changed")
    if summary.unsure:
        told.append(f'{summary.unsure:,} of them unsure ("unsure": true)')
    if summary.before:
        told.append(f"{summary.before:,} were there already")
    if summary.faults:
        told.append(f'{summary.faults:,} could not be read (the lines with "error")')
    log(f"{', '.join(told)}: {output}", error=True)
    _tell_left_alone(summary)


def _tell_left_alone(summary: CaptionSummary, most: int = 5) -> None:
    for path in summary.left_alone[:most]:
        log(f"{printable(str(path))} was not written: another file is there, or its name is too long", error=True)
    if len(summary.left_alone) > most:
        log(f"... and {len(summary.left_alone) - most:,} more", error=True)
