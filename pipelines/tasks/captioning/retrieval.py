"""How well a captioner tells the caption of an image from others, and the image of a caption.

Every image of a pool is compared with every caption of it. By likelihood a pair costs a run of the decoder, so the pool
is small unless a larger one is requested; by reconstruction (`recurrent-visual`) it costs a product of two vectors.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from captioner.errors import UserError
from captioner.files import atomic_write
from captioner.metrics.recall import Recall, chance, recall
from captioner.presets.folder import read_preset
from captioner.settings import CaptionerSettings
from pipelines.data.examples import CaptionExample
from pipelines.training.run_folder import data_of, folder_of, split_of
from pipelines.utils.console import load_keras
from pipelines.utils.progress import Reporter

IMAGES = 200  # of a pool whose pairs are expensive
LIKELIHOOD, RECONSTRUCTION = METHODS = ("likelihood", "reconstruction")
TO_CAPTION, TO_IMAGE = "the caption of an image", "the image of a caption"

Results = dict[str, dict[str, Recall]]  # TO_CAPTION, TO_IMAGE -> by what is ranked -> the recall that it reaches


@dataclass(frozen=True)
class RankOptions:
    """By what is ranked, and in which pool.

    by: "likelihood", "reconstruction" or both; by default by reconstruction where the model can do it.
    images, captions: size of the pool: images, and captions of each. By default 200 images with a caption each by
        likelihood, everything by reconstruction alone.
    batch_size: images at once.
    """

    by: tuple[str, ...] = ()
    images: int | None = None
    captions: int | None = None
    batch_size: int = 8


@dataclass(frozen=True)
class Pool:
    """What is ranked: images, and some captions of each.

    examples: the images. captions: of each, those that are in the pool. description: what was chosen of what.
    """

    examples: tuple[CaptionExample, ...]
    captions: tuple[tuple[str, ...], ...]
    description: str

    @property
    def texts(self) -> list[str]:
        return [text for captions in self.captions for text in captions]

    @property
    def right(self) -> np.ndarray:
        """Bool `(N, M)`: which captions belong to which image."""
        owner = np.repeat(np.arange(len(self.captions)), [len(captions) for captions in self.captions])
        return np.arange(len(self.captions))[:, None] == owner[None]


@dataclass(frozen=True)
class Ranking:
    """The result of ranking a pool.

    facts: model, data and pool; name -> plain value.
    chance: `TO_CAPTION`, `TO_IMAGE` -> what guessing reaches.
    results: what ranking reaches.
    left_out: images that could not be read.
    """

    facts: dict[str, object]
    chance: dict[str, Recall]
    results: Results
    left_out: int = 0

    def as_json(self) -> dict:
        def scores(ranked: Recall, by_chance: Recall) -> dict[str, float]:
            shares = {f"recall_{depth}": share for depth, share in ranked.at.items()}
            over = {f"recall_{depth}_over_chance": share / by_chance.at[depth] for depth, share in ranked.at.items()}
            return {**shares, "median_rank": ranked.median_rank, **({} if ranked is by_chance else over)}

        return {
            **self.facts,
            "found": {
                what: {
                    "chance": scores(self.chance[what], self.chance[what]),
                    **{by: scores(ranked, self.chance[what]) for by, ranked in methods.items()},
                }
                for what, methods in self.results.items()
            },
        }

    def save(self, path: Path) -> None:
        """Writes it as JSON.

        Raises:
            UserError: it cannot be written.
        """
        atomic_write(path, json.dumps(self.as_json(), indent=2) + "\n", follow_link=True)


def choose(examples: Sequence[CaptionExample], images: int | None, captions: int | None) -> Pool:
    """The pool: images at equal distances over a split, so that a split in some order is met as a whole.

    Args:
        examples: of a split; those without captions are left out.
        images: how many; None for all.
        captions: the first few of each image; None for all.

    Raises:
        UserError: fewer than two images have captions.
    """
    described = [example for example in examples if example.captions]
    count = min(images or len(described), len(described))
    if count < 2:
        raise UserError("Ranking needs at least two images with captions.")
    chosen = tuple(described[number * len(described) // count] for number in range(count))
    texts = tuple(example.captions[:captions] for example in chosen)
    of_images = (
        f"all {count:,} images" if count == len(described) else f"{count:,} of {len(described):,} images, evenly spaced"
    )
    most = max(len(example.captions) for example in chosen)
    if captions is None or captions >= most:
        of_captions = "all their captions" if most > 1 else "the caption of each"
    else:
        of_captions = "the first caption of each" if captions == 1 else f"the first {captions} captions of each"
    return Pool(chosen, texts, f"{of_images}, and {of_captions}")


def rank_run(
    run: Path,
    data: Path | None = None,
    split: str | None = None,
    *,
    options: RankOptions = RankOptions(),
    encoder_weights: Path | None = None,
    cache: Path | None = None,
    reporter: Reporter | None = None,
) -> Ranking:
    """Ranks the captions of a split for its images, and its images for the captions.

    Args:
        run: folder of the run, or any preset.
        data, split, cache: as in `pipelines.tasks.captioning.evaluate.evaluate_run`.
        options: by what is ranked, and in which pool.
        encoder_weights: file with the frozen backbone's weights.
        reporter: where progress is logged.

    Raises:
        UserError: the model, the data or the split cannot be used.
    """
    read_preset(Path(run), kinds={"captioner": CaptionerSettings})
    reporter, folder = reporter or Reporter(), folder_of(run)
    dataset = data_of(run, data, reporter)
    examples = split_of(dataset, split)
    load_keras()
    from captioner.models.captioning.image_captioner import ImageCaptioner

    captioner = ImageCaptioner.from_preset(run, encoder_weights)
    methods = methods_of(captioner, options.by)
    images, captions = options.images, options.captions
    if LIKELIHOOD in methods:
        images, captions = images or IMAGES, captions or 1
    chosen = choose(examples, images, captions)
    pool, features = read_pool(captioner, chosen, cache or folder.absolute().parent / "cache", reporter)
    facts = {
        "model": folder.resolve().name,
        "data set": dataset.name,
        "split": examples[0].split,
        "pool": pool.description,
        "images": len(pool.examples),
        "captions": len(pool.texts),
        "images left out": len(chosen.examples) - len(pool.examples),
    }
    results: Results = {TO_CAPTION: {}, TO_IMAGE: {}}
    if LIKELIHOOD in methods:
        with reporter.progress("Pairs") as advance:
            ranked = rank_by_likelihood(captioner, features, pool, advance, options.batch_size)
        results = {what: results[what] | ranked[what] for what in results}
    if RECONSTRUCTION in methods:
        ranked = rank_by_reconstruction(captioner, features, pool)
        results = {what: results[what] | ranked[what] for what in results}
    by_chance = {TO_CAPTION: chance(pool.right), TO_IMAGE: chance(pool.right.T)}
    return Ranking(facts, by_chance, results, facts["images left out"])


def methods_of(captioner, by: Sequence[str] = ()) -> tuple[str, ...]:
    """By what a captioner can rank: what is asked for, or the best that it can do.

    Raises:
        UserError: it cannot do what is asked for.
    """
    from captioner.models.captioning.reconstruction import can_reconstruct

    if RECONSTRUCTION in by and not can_reconstruct(captioner):
        raise UserError(
            f"The decoder {captioner.settings.decoder.name} does not reconstruct images from words; recurrent_visual "
            "does. Rank by likelihood."
        )
    return tuple(by) or ((RECONSTRUCTION,) if can_reconstruct(captioner) else (LIKELIHOOD,))


def read_pool(captioner, pool: Pool, cache: Path, reporter: Reporter) -> tuple[Pool, np.ndarray]:
    """The part of the pool whose images can be read, and the features `(N, ...)` of these.

    Raises:
        UserError: fewer than two images can be read.
    """
    from pipelines.data.features.sources import open_source

    with reporter.images("Images") as advance:
        images = [example.image for example in pool.examples]
        source, problems = open_source(captioner.encoder, images, cache, advance)
    reporter.problems(problems)
    readable = np.flatnonzero(source.readable).tolist()
    if len(readable) < 2:
        raise UserError("Fewer than two images of the pool can be read: there is nothing to rank.")
    examples, captions = (tuple(part[image] for image in readable) for part in (pool.examples, pool.captions))
    return Pool(examples, captions, pool.description), source.read(readable)


def rank_by_likelihood(captioner, features: np.ndarray, pool: Pool, progress: Callable, batch_size: int) -> Results:
    """The recall of ranking by log p(caption | image)."""
    from captioner.models.captioning.scoring import likelihoods

    sums, words = likelihoods(captioner, features, pool.texts, batch_size, progress=progress)
    to_caption = {
        "log p a word": recall(sums / words, pool.right),
        "log p less that over all images": recall(against_all(sums), pool.right),
    }
    return {TO_CAPTION: to_caption, TO_IMAGE: {"log p": recall(sums.T, pool.right.T)}}


def against_all(sums: np.ndarray) -> np.ndarray:
    """What an image adds to the likelihood of captions.

        log p(caption | image) - log mean over images p(caption | image)

    A caption that says what is true of every image is likely for each of them and tells nothing; here it has 0.

    Args:
        sums: `(N, M)`.
    """
    highest = sums.max(axis=0)
    return sums - (highest + np.log(np.mean(np.exp(sums - highest), axis=0)))


def rank_by_reconstruction(captioner, features: np.ndarray, pool: Pool) -> Results:
    """The recall of comparing image vectors with those that the decoder makes of words."""
    from captioner.models.captioning.reconstruction import images_and_captions

    image_vectors, caption_vectors = images_and_captions(captioner, features, pool.captions)
    cosines = centred_cosines(image_vectors, caption_vectors)
    to_caption, to_image = recall(cosines, pool.right), recall(cosines.T, pool.right.T)
    return {TO_CAPTION: {"reconstruction": to_caption}, TO_IMAGE: {"reconstruction": to_image}}


def centred_cosines(images: np.ndarray, captions: np.ndarray) -> np.ndarray:
    """The cosines `(N, M)` between image vectors `(N, D)` and reconstructed ones `(M, D)`, each less its kind's mean.

    What is reconstructed from a few words stays near the mean of all images. By distance, images near that mean would
    be found for every caption; what counts is in which direction from the mean a caption and an image lie.
    """
    image_directions, caption_directions = (_directions(vectors.astype(float)) for vectors in (images, captions))
    return image_directions @ caption_directions.T


def _directions(vectors: np.ndarray) -> np.ndarray:
    centred = vectors - vectors.mean(axis=0)
    return centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
