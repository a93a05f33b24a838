"""The job of captioning files and folders: one record an image."""

import itertools
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from captioner.decoders import WITHOUT_ATTENTION
from captioner.encoders import has_grid
from captioner.errors import UserError
from captioner.images.clips import pixel_batch
from captioner.images.decode import ImageLimits
from captioner.images.files import litter_line
from captioner.models.captioning.sampling import keys_of
from captioner.remote import is_remote
from captioner.settings import CaptionerSettings, GenerationConfig
from pipelines.evaluation.reports.beam_tree import PAGE, check_tree_path, write_tree
from pipelines.evaluation.results import AttentionMaps
from pipelines.inference.jobs.image_walk import ImageFile, distinct_paths, find_clips, find_images
from pipelines.inference.jobs.images import DecodedImage, picture_path, read_image, save_attention
from pipelines.inference.jobs.job import Job, JobSummary, Result
from pipelines.inference.jobs.sidecars import CONTENTS, Sidecars
from pipelines.inference.search_options import stated


@dataclass(frozen=True)
class CaptionOptions:
    """How captions are made.

    generation: where that differs from the model's own search.
    batch_size: images at once.
    attention: a folder for pictures of the attention maps, one an image, or None.
    tree: a folder for pages on which the candidates can be walked word by word, one an image, or None; for a single
        image also the page itself, which ends in .html.
    limits: what an image may ask for before it is refused.
    min_score: captions below it (mean log-probability a word) are marked as unsure; None: none are.
    sidecars: what is written beside each image: some of "txt" and "xmp".
    frames: the images of a folder are the frames of one clip.
    length_penalty: of the search; where it is not 1, candidates have what they are ranked by beside their score.
    """

    generation: GenerationConfig = field(default_factory=GenerationConfig)
    batch_size: int = 16
    attention: Path | None = None
    tree: Path | None = None
    limits: ImageLimits = field(default_factory=ImageLimits)
    min_score: float | None = None
    sidecars: tuple[str, ...] = ()
    frames: bool = False
    length_penalty: float = 1.0


@dataclass
class CaptionSummary(JobSummary):
    """What a run did, with:

    candidates: captions of an image that were requested.
    fewer: images of this run for which fewer were found.
    unsure: captions of this run below the lowest score.
    left_alone: sidecars that were not written, each with the reason.
    litter: kind -> how many files or folders that other programs keep beside images were left out.
    """

    candidates: int = 1
    fewer: int = 0
    unsure: int = 0
    left_alone: dict[Path, str] = field(default_factory=dict)
    litter: Counter = field(default_factory=Counter)

    def add(self, record: dict) -> None:
        super().add(record)
        self.unsure += "unsure" in record
        if self.candidates > 1 and "error" not in record:
            self.fewer += len(record["candidates"]) < self.candidates


def check_model_options(settings: CaptionerSettings, options: CaptionOptions) -> None:
    """Refuses what a model cannot do, by its settings: before it is loaded.

    Raises:
        UserError: clips for a model of single images, or pictures of an attention that it does not have.
    """
    if options.frames and not settings.encoder.frames:
        raise UserError(
            "This model looks at single images, and --frames gives it clips. Train one that looks at clips with "
            "--set encoder.frames=8, or leave --frames out: of an animated GIF it then sees the first frame."
        )
    if options.attention is None:
        return
    if settings.decoder.name in WITHOUT_ATTENTION:
        raise UserError(
            f"The decoder of this model ({settings.decoder.name}) has no attention: there are no maps to draw. Leave "
            "--attention out."
        )
    if not has_grid(settings.encoder):
        raise UserError(
            "This model encodes an image without a grid of positions: there is no attention to draw. Leave "
            "--attention out."
        )


class CaptionJob(Job):
    """Captions files and everything in folders; items are `ImageFile`s.

    Images that are new, or whose size or time changed since they were captioned, get a new record; all others keep
    theirs.

    Args:
        paths: images and folders.
        captioner: an `ImageCaptioner`, or a function that loads one, called only if there is work to do.
        options: how.
        model: what identifies the model, such as its checksum.

    Raises:
        UserError: there is no image, or an option does not fit.
    """

    things = "captions"

    def __init__(self, paths: Sequence[str | Path], captioner, options: CaptionOptions, model: str = ""):
        self.paths, self.captioner, self.options, self.model = paths, captioner, options, model
        self.limits = options.limits
        if options.tree is not None:
            # A folder may get more images, but with `frames` it may be one clip.
            several = len(paths) != 1 or Path(paths[0]).is_dir()
            if options.frames:
                several = len(list(itertools.islice(find_clips(paths), 2))) > 1
            check_tree_path(options.tree, several)
        unknown = [kind for kind in options.sidecars if kind not in CONTENTS]
        if unknown:
            raise UserError(f"There is no sidecar called {unknown[0]!r}. Available: {', '.join(CONTENTS)}.")
        if options.sidecars and any(map(is_remote, paths)):
            raise UserError("Files beside images are written on this machine only, not at s3://: leave --sidecar out.")
        self._sidecars = Sidecars(options.sidecars, paths)
        kept = distinct_paths(paths)
        self._folder = kept[0] if not options.frames and len(kept) == 1 and os.path.isdir(kept[0]) else ""
        self._litter: Counter = Counter()
        # One image needs no batch.
        self.batch_size = len(list(itertools.islice(self._images(self._litter), options.batch_size)))
        if not self.batch_size:
            raise UserError(
                "There is no image in these files and folders. Images are recognised by the endings of their names and "
                f"by their content. {litter_line(self._litter)}".strip()
            )
        self.read_ahead = 3 * self.batch_size
        unsure = ["unsure"] if options.min_score is not None else []
        candidates = ["candidates"] if options.generation.candidates > 1 else []
        self.columns = ["image", "caption", "score", *unsure, *candidates, "error"]

    def made_with(self) -> dict:
        options, paths = self.options, distinct_paths(self.paths)
        return {
            "model": self.model,
            **stated(options.generation),
            "lowest sure score": options.min_score,
            "way of reading folders": "clips" if options.frames else None,
            "folder or list of images": [_real(paths[0])] if len(paths) == 1 else sorted(paths),
        }

    def batches(self) -> Iterator[list[ImageFile]]:
        self._litter.clear()
        images = self._images(self._litter)
        while batch := list(itertools.islice(images, self.batch_size)):
            yield batch

    def describe(self, item: ImageFile) -> dict:
        return {"image": item.name}

    def load(self) -> None:
        self.captioner = self.captioner() if callable(self.captioner) else self.captioner
        check_model_options(self.captioner.settings, self.options)

    def read(self, source: ImageFile) -> DecodedImage:
        return read_image(source.path, self.captioner.encoder.spec, self.options.limits, source.problem)

    def places(self) -> list[str]:
        return [os.fspath(path) for path in self.paths[:100] if not is_remote(path)]

    def fingerprint(self, item: ImageFile, contents: dict) -> int:
        return contents[item].fingerprint

    def work(self, batch: Sequence[ImageFile], missing: list[int], contents: dict) -> list[dict]:
        decoded = [contents[file] for file in batch]
        readable = [index for index, image in enumerate(decoded) if image.pixels is not None]
        captions = {}
        if set(missing).intersection(readable):
            pixels = pixel_batch([decoded[index].pixels for index in readable], self.captioner.encoder.spec)
            features = self.captioner.encode(pixels, self.batch_size)
            captions = dict(zip(readable, self._write(pixels, features), strict=True))
            if self.options.tree is not None:
                self._write_trees(batch, missing, decoded, captions, features)
        if self.options.attention is not None:
            for index in missing:
                if index in captions:
                    self._draw_attention(batch[index], decoded[index].pixels, captions[index][0])
        return [
            self._outcome(captions[index]) if index in captions else {"error": decoded[index].problem}
            for index in missing
        ]

    def files(self) -> Iterator[tuple[str, str]]:
        return ((file.name, file.path) for file in self._images())

    def resumed(self, records: Iterable[dict], summary: JobSummary) -> None:
        for record in records if self.options.sidecars else ():
            self._sidecars.write(record, os.path.join(self._folder, record["image"]))

    def dropped(self, record: dict) -> None:
        self._sidecars.remove(record, os.path.join(self._folder, record["image"]))

    def saved(self, result: Result) -> None:
        self._sidecars.write(result.record, result.item.path)

    def summary(self) -> CaptionSummary:
        candidates = self.options.generation.candidates
        return CaptionSummary(candidates=candidates, left_alone=self._sidecars.left_alone, litter=self._litter)

    def _images(self, litter: Counter | None = None) -> Iterator[ImageFile]:
        return image_sources(self.paths, self.options, litter)

    def _write(self, pixels, features) -> list[list]:
        """Captions of images `(N, ...)`: for each a list, best first."""
        generation = self.options.generation
        return self.captioner.caption_features(
            features,
            attention=self.options.attention is not None,
            batch_size=self.batch_size,
            config=generation,
            keys=keys_of(pixels) if generation.do_sample else None,
        )

    def _outcome(self, captions: list) -> dict:
        fields = {"caption": captions[0].text, "score": round(captions[0].score, 4)}
        if self.options.min_score is not None and fields["score"] < self.options.min_score:
            fields["unsure"] = True
        if self.options.generation.candidates > 1:
            # Two groups of a diverse search may find the same caption: one is enough.
            if not self.options.generation.do_sample:
                first: dict[str, object] = {}
                for caption in captions:
                    first.setdefault(caption.text, caption)
                captions = list(first.values())
            fields["candidates"] = list(map(self._candidate, captions))
        return fields

    def _candidate(self, caption) -> dict:
        fields = {"caption": caption.text, "score": round(caption.score, 4)}
        if self.options.length_penalty != 1 and not self.options.generation.do_sample:
            fields["rank_score"] = round(caption.rank_score(self.options.length_penalty), 4)
        return fields

    def _draw_attention(self, image: ImageFile, pixels, caption) -> None:
        if caption.attention is None:
            raise UserError("This model's decoder has no attention: there are no maps to draw.")  # one of a plugin
        folder, maps = (
            self.options.attention,
            AttentionMaps(caption.words, caption.attention, self.captioner.encoder.grid),
        )
        save_attention(folder, picture_path(image.name, folder), image.path, pixels, maps)

    def _write_trees(self, batch, missing, decoded, captions: dict[int, list], features) -> None:
        from captioner.models.captioning.scoring import read_words

        tree = self.options.tree
        words = [[caption.words for caption in candidates] for candidates in captions.values()]
        values = read_words(self.captioner, features, words, self.batch_size, self.options.generation.candidates)
        for (index, candidates), probabilities in zip(captions.items(), values, strict=True):
            if index in missing and candidates:
                name, single = batch[index].name, tree.suffix.lower() == PAGE
                path = tree if single else picture_path(name, tree, PAGE)
                write_tree(
                    path, name, batch[index].path, decoded[index].pixels, candidates, probabilities,
                    folder=None if single else tree,
                )  # fmt: skip


def _real(path: str) -> str:
    return path if is_remote(path) else os.path.realpath(path)


def image_sources(
    paths: Sequence[str | Path], options: CaptionOptions, litter: Counter | None = None
) -> Iterator[ImageFile]:
    """The images, or the clips, that `paths` stand for, without the pictures that the job itself draws.

    Arguments are those of `find_images`.
    """
    exclude = [] if options.attention is None else [options.attention]
    return (find_clips if options.frames else find_images)(paths, exclude, litter)
