"""How well a captioner tells the caption of an image from others, and the image of a caption.

Every image of a pool meets every caption of it. By likelihood a pair costs a run of the decoder, so the pool is small
unless a larger one is asked for; by reconstruction (`recurrent-visual`) it costs a product of two vectors.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from captioner.errors import UserError
from captioner.metrics.recall import Recall, chance, recall
from captioner.presets.folder import read_preset
from captioner.settings import CaptionerSettings
from pipelines.data.examples import CaptionExample
from pipelines.training.run_folder import data_of, folder_of, split_of
from pipelines.utils.atomic_files import atomic_write
from pipelines.utils.console import load_keras
from pipelines.utils.progress import Reporter

IMAGES = 200  # of a pool whose pairs are expensive
LIKELIHOOD, RECONSTRUCTION = WAYS = ("likelihood", "reconstruction")
TO_CAPTION, TO_IMAGE = "the caption of an image", "the image of a caption"


@dataclass(frozen=True)
class Pool:
    """What is ranked: images, and some captions of each.

    examples: the images. captions: of each, those that are in the pool. told: what was chosen of what, in a sentence.
    """

    examples: tuple[CaptionExample, ...]
    captions: tuple[tuple[str, ...], ...]
    told: str

    @property
    def texts(self) -> list[str]:
        return [text for given in self.captions for text in given]

    @property
    def right(self) -> np.ndarray:
        """Bool `(N, M)`: which captions are whose."""
        owner = np.repeat(np.arange(len(self.captions)), [len(given) for given in self.captions])
        return np.arange(len(self.captions))[:, None] == owner[None]


@dataclass(frozen=True)
class Ranking:
    """What was found.

    facts: model, data and pool; name -> plain value.
    chance: `TO_CAPTION`, `TO_IMAGE` -> what guessing reaches.
    found: the same -> by what was ranked -> what that reaches.
    left_out: images that could not be read.
    """

    facts: dict[str, object]
    chance: dict[str, Recall]
    found: dict[str, dict[str, Recall]] = field(default_factory=dict)
    left_out: int = 0

    def as_json(self) -> dict:
        def scores(one: Recall, guessed: Recall) -> dict[str, float]:
            told = {f"recall_{depth}": share for depth, share in one.at.items()}
            over = {f"recall_{depth}_over_chance": share / guessed.at[depth] for depth, share in one.at.items()}
            return {**told, "median_rank": one.median_rank, **({} if one is guessed else over)}

        return {
            **self.facts,
            "found": {
                what: {
                    "chance": scores(self.chance[what], self.chance[what]),
                    **{by: scores(one, self.chance[what]) for by, one in ways.items()},
                }
                for what, ways in self.found.items()
            },
        }


def choose(examples: Sequence[CaptionExample], images: int | None, captions: int | None) -> Pool:
    """The pool: images at equal distances over a split, so that a split in some order is met as a whole.

    Args:
        examples: of a split; those without captions are left out.
        images: how many; None for all.
        captions: the first few of each image; None for all.

    Raises:
        UserError: fewer than two images have captions.
    """
    given = [example for example in examples if example.captions]
    count = min(images or len(given), len(given))
    if count < 2:
        raise UserError("Ranking needs at least two images with captions.")
    chosen = tuple(given[number * len(given) // count] for number in range(count))
    texts = tuple(example.captions[:captions] for example in chosen)
    of_images = f"all {count:,} images" if count == len(given) else f"{count:,} of {len(given):,} images, evenly spaced"
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
    by: Sequence[str] = (),
    images: int | None = None,
    captions: int | None = None,
    output: Path | None = None,
    encoder_weights: Path | None = None,
    cache: Path | None = None,
    batch_size: int = 8,
    reporter: Reporter | None = None,
) -> Ranking:
    """Ranks the captions of a split for its images, and its images for the captions.

    Args:
        run: folder of the run, or any preset.
        data, split, encoder_weights, cache: as in `evaluate_run`.
        by: "likelihood", "reconstruction" or both; by default by reconstruction where the model can do it.
        images, captions: size of the pool. By default 200 images with a caption each by likelihood, everything by
            reconstruction alone.
        output: JSON file to write.
        batch_size: images read at once.

    Raises:
        UserError: the model, the data or the split cannot be used.
    """
    read_preset(Path(run), kinds={"captioner": CaptionerSettings})
    load_keras()
    from captioner.models.captioning.image_captioner import ImageCaptioner
    from captioner.models.captioning.reconstruction import imagines
    from pipelines.data.features.sources import open_source

    reporter, place = reporter or Reporter(), folder_of(run)
    captioner = ImageCaptioner.from_preset(run, encoder_weights)
    by = tuple(by) or ((RECONSTRUCTION,) if imagines(captioner) else (LIKELIHOOD,))
    if RECONSTRUCTION in by and not imagines(captioner):
        raise UserError(
            f"The decoder {captioner.settings.decoder.name} does not reconstruct images from words; recurrent_visual "
            "does. Rank by likelihood."
        )
    dataset = data_of(run, data, reporter)
    examples = split_of(dataset, split)
    if LIKELIHOOD in by:
        images, captions = images or IMAGES, captions or 1
    pool = choose(examples, images, captions)
    with reporter.images("Images") as advance:
        source, problems = open_source(
            captioner.encoder, [one.image for one in pool.examples], cache or place.absolute().parent / "cache", advance
        )
    reporter.problems(problems)
    readable = np.flatnonzero(source.readable)
    left_out = len(pool.examples) - len(readable)
    if left_out:
        pool = Pool(*(tuple(part[index] for index in readable) for part in (pool.examples, pool.captions)), pool.told)
    if len(readable) < 2:
        raise UserError(f"Fewer than two images of {dataset.root} can be read: there is nothing to rank.")
    features = source.read(readable.tolist())
    facts = {
        "model": place.resolve().name,
        "data set": dataset.name,
        "split": examples[0].split,
        "pool": pool.told,
        "images": len(pool.examples),
        "captions": len(pool.texts),
        "images left out": left_out,
    }
    guessed = {TO_CAPTION: chance(pool.right), TO_IMAGE: chance(pool.right.T)}
    ranking = Ranking(facts, guessed, {TO_CAPTION: {}, TO_IMAGE: {}}, left_out)
    if LIKELIHOOD in by:
        with reporter.progress("Pairs") as advance:
            by_likelihood(ranking, captioner, features, pool, batch_size, advance)
    if RECONSTRUCTION in by:
        by_reconstruction(ranking, captioner, features, pool)
    if output is not None:
        atomic_write(output, json.dumps(ranking.as_json(), indent=2) + "\n")
    return ranking


def by_likelihood(ranking: Ranking, captioner, features, pool: Pool, batch_size: int, progress) -> None:
    """Adds what is found by log p(caption | image)."""
    from captioner.models.captioning.scoring import likelihoods

    sums, words = likelihoods(captioner, features, pool.texts, batch_size, progress=progress)
    for_images = ranking.found[TO_CAPTION]
    for_images["log p a word"] = recall(sums / words, pool.right)
    for_images["log p less that over all images"] = recall(against_all(sums), pool.right)
    ranking.found[TO_IMAGE]["log p"] = recall(sums.T, pool.right.T)


def against_all(sums: np.ndarray) -> np.ndarray:
    """What an image adds to the likelihood of captions.

        log p(caption | image) - log mean over images p(caption | image)

    A caption that says what is true of every image is likely for each of them and tells nothing; here it has 0.

    Args:
        sums: `(N, M)`.
    """
    highest = sums.max(axis=0)
    return sums - (highest + np.log(np.mean(np.exp(sums - highest), axis=0)))


def by_reconstruction(ranking: Ranking, captioner, features, pool: Pool) -> None:
    """Adds what is found by comparing image vectors with those that the decoder makes of words."""
    from captioner.models.captioning.reconstruction import images_and_captions

    seen, imagined = images_and_captions(captioner, features, pool.captions)
    near = closeness(seen, imagined)
    ranking.found[TO_CAPTION]["reconstruction"] = recall(near, pool.right)
    ranking.found[TO_IMAGE]["reconstruction"] = recall(near.T, pool.right.T)


def closeness(seen: np.ndarray, imagined: np.ndarray) -> np.ndarray:
    """The cosine between image vectors `(N, D)` and imagined ones `(M, D)`, each less the mean of its kind: `(N, M)`.

    What is imagined from a few words stays near the mean of all images. By distance, images near that mean would be
    found for every caption; what tells is in which direction from the usual a caption and an image lie.
    """
    ours, theirs = (_directions(vectors.astype(float)) for vectors in (seen, imagined))
    return ours @ theirs.T


def _directions(vectors: np.ndarray) -> np.ndarray:
    apart = vectors - vectors.mean(axis=0)
    return apart / np.maximum(np.linalg.norm(apart, axis=1, keepdims=True), 1e-12)
