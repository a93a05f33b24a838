"""A trained captioner behind the encoder of another recipe, to be trained on from there."""

from pathlib import Path

import numpy as np

from captioner.errors import UserError
from captioner.models.captioning.image_captioner import ImageCaptioner
from captioner.models.captioning.stitching import fit_projection, stitch
from captioner.presets.folder import read_preset
from captioner.settings import CaptionerSettings
from pipelines.data.features.sources import open_source
from pipelines.data.open import open_captions
from pipelines.tasks.captioning.settings import Recipe
from pipelines.utils.progress import Reporter

AT_ONCE = 32


def stitch_captioner(
    model: Path,
    recipe: Recipe,
    out: Path,
    *,
    data: Path | None = None,
    images: int = 320,
    encoder_weights: Path | None = None,
    cache: Path | None = None,
    reporter: Reporter | None = None,
) -> float:
    """Writes a preset with a model's decoder and words behind a recipe's encoder.

    Args:
        model: preset, or the name of an installed model.
        recipe: whose encoder is taken.
        out: folder of the new preset.
        data: folder with images; no caption is read. By default the recipe's.
        images: of the training split, evenly taken, through which the two encoders are compared.
        encoder_weights: file with the weights of the model's own encoder.
        cache: folder where features are kept; by default `cache` beside `out`.
        reporter: where progress is logged.

    Returns:
        the share of the variance of the old memory that the new one explains.

    Raises:
        UserError: the encoders do not have the same grid, the decoder cannot be taken over, or there are fewer than ten
            images.
    """
    reporter = reporter or Reporter()
    read_preset(model, kinds={"captioner": CaptionerSettings})
    trained = ImageCaptioner.from_preset(model, encoder_weights)
    target = ImageCaptioner(trained.settings.model_copy(update={"encoder": recipe.encoder}), trained.vocabulary)
    grids = trained.encoder.memory_shape[0], target.encoder.memory_shape[0]
    if grids[0] != grids[1]:
        raise UserError(
            f"The encoder of {model} gives {grids[0]} positions, that of {recipe.name} {grids[1]}: they cannot be "
            "compared. Choose encoder.image_size and encoder.pool so that both have the same grid."
        )
    examples = open_captions(data, recipe.source, reporter.log).split("train")
    paths = [example.image for example in examples[:: max(1, len(examples) // images)]][:images]
    memories = []
    for captioner in (target, trained):
        with reporter.images("Features") as advance:
            source, problems = open_source(captioner.encoder, paths, cache or out.absolute().parent / "cache", advance)
        reporter.problems(problems)
        memories.append(_memory(captioner.encoder, source))
    if len(memories[0]) < 10:
        raise UserError(f"Ten images that can be read are needed, and there are {len(memories[0])} in {data}.")
    projection, explained = fit_projection(*memories)
    stitch(trained, target, projection)
    target.save_to_preset(out, {"recipe": recipe.name, "stitched_from": Path(model).name})
    reporter.log(f"The new encoder explains {explained:.1%} of what the old one sees. The model is in {out}")
    return explained


def _memory(encoder, source) -> np.ndarray:
    """`(N, P, D)` of the images that can be read."""
    readable = np.flatnonzero(source.readable).tolist()
    chunks = [readable[start : start + AT_ONCE] for start in range(0, len(readable), AT_ONCE)]
    memories = [np.asarray(encoder.head(source.read(chunk).astype("float32"))) for chunk in chunks]
    return np.concatenate(memories) if memories else np.zeros((0, *encoder.memory_shape), "float32")
