"""`captioner caption`: from folders and a model's folder to captions on the terminal or in a file."""

import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from captioner.presets.folder import CHECKED, Preset, read_preset
from captioner.settings import CaptionerSettings
from pipelines.caption import CaptionSummary, caption_images
from pipelines.caption_work import CaptionOptions
from pipelines.folders import find_images
from pipelines.progress import CaptionProgress
from pipelines.terminal import load_keras, printable, say


def caption_with_model(
    paths: Sequence[Path],
    model: Path,
    output: Path | None,
    options: CaptionOptions,
    encoder_weights: Path | None,
    language: tuple[Path, float] | None = None,
) -> CaptionSummary:
    """Captions with the preset in `model`; tells progress and what was skipped on standard error.

    Args:
        language: preset of a language model that has a say in the search, and its weight.

    Raises:
        UserError: see `caption_images` and `ImageCaptioner.from_preset`.
    """
    preset = read_preset(model, kinds={"captioner": CaptionerSettings})  # before anything is written or loaded
    checksums = _of_the_files(preset)
    if language:
        from captioner.settings import LanguageModelSettings

        other = read_preset(language[0], kinds={"language_model": LanguageModelSettings})
        checksums = {"captioner": checksums, "language": _of_the_files(other), "weight": language[1]}
    identity = hashlib.sha256(json.dumps(checksums, sort_keys=True).encode()).hexdigest()

    if output is None:
        load = partial(_load, model, encoder_weights, language)
        alone = len(paths) == 1 and not paths[0].is_dir()
        summary = caption_images(paths, load, model=identity, options=options, show=_Lines(alone))
        _tell_left_alone(summary)
        return summary
    without = [] if options.attention is None else [options.attention]
    with CaptionProgress(find_images(paths, without)) as progress:
        load = partial(_load, model, encoder_weights, language, loaded=progress.start)
        summary = caption_images(
            paths, load, output, model=identity, options=options, begin=progress.before, show=progress.advance
        )
    _tell(summary, output)
    return summary


def _of_the_files(preset: Preset) -> dict[str, str]:
    """What tells a model from others: checksums of what decides about captions, not of its metadata."""
    return {name: preset.metadata["checksums"][name] for name in CHECKED}


def _load(model: Path, encoder_weights: Path | None, language, loaded: Callable[[], object] = lambda: None):
    load_keras()
    from captioner.models.captioner import ImageCaptioner

    captioner = ImageCaptioner.from_preset(model, encoder_weights)
    if language:
        from captioner.models.language import LanguageModel

        captioner.mix_in(LanguageModel.from_preset(language[0]), language[1])
    loaded()
    return captioner


class _Lines:
    """Prints captions: that of a single image alone, those of several with their images' names."""

    def __init__(self, alone: bool):
        self.alone = alone

    def __call__(self, record: dict) -> None:
        name = printable(record["image"])
        if "error" in record:
            say(f"{name}: {record['error']}", error=True)
            return
        captions = record.get("candidates") or [record]
        unsure = "  (unsure)" if record.get("unsure") else ""
        for caption in captions:
            score = f"{caption['score']:8.2f}  " if len(captions) > 1 else ""
            text = f"{score}{printable(caption['caption'])}{unsure}"
            say(text if self.alone else f"{name}\t{text}")
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
    say(f"{', '.join(told)}: {output}", error=True)
    _tell_left_alone(summary)


def _tell_left_alone(summary: CaptionSummary, most: int = 5) -> None:
    for path in summary.left_alone[:most]:
        say(f"{printable(str(path))} was not written: another file is there, or its name is too long", error=True)
    if len(summary.left_alone) > most:
        say(f"... and {len(summary.left_alone) - most:,} more", error=True)
