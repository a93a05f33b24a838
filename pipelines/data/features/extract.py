"""Photographs -> the frozen backbone's features, computed once and kept on disk.

    files ──read, hash, decode──▶ batches ──backbone──▶ shards ──▶ FeatureStore.read(indices)
          └── threads, ahead of the network ──┘       └── whole or absent ──┘

What is stored is found again by the content of an image, so renamed and copied files are not computed
again, and a changed one is. A run that was killed loses at most one shard; the same command goes on.
"""

import contextlib
import dataclasses
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from captioner.errors import UserError
from captioner.images.augment import PLAIN, augment
from captioner.images.clips import load_pixels
from captioner.images.decode import DEFAULT_LIMITS, ImageError, ImageLimits, read_bytes
from captioner.images.files import ImagePath, holding_file
from captioner.models.base.memory import encoding_memory, rows_at_once
from pipelines.data.examples import Problem
from pipelines.data.features.cache import FeatureCache, FeatureRows, KnownFiles
from pipelines.utils.progress import format_bytes
from pipelines.utils.threads import parallel_map

SHARD_IMAGES = 256  # 13 MB of 7 x 7 x 512, and some twenty seconds of work on two cores

Progress = Callable[[int, int, float], None]  # images done, images to do, images a second


class FeatureStore:
    """The features of a list of images, image i at index i.

    Attributes:
        shape: of one image's features.
        problems: the images that could not be read, and why.
        readable: bool `(N,)`; False where an image has no features.
    """

    def __init__(self, cache: FeatureCache, digests: Sequence[str | None], problems: Sequence[Problem] = ()):
        self.shape = cache.shape
        self.problems = tuple(problems)
        self.readable = np.array([digest is not None for digest in digests], bool)
        locations = [cache.location(digest) if digest else ("", -1) for digest in digests]
        self._shards = sorted({shard for shard, _ in locations})
        numbers = {shard: number for number, shard in enumerate(self._shards)}
        self._locations = np.array([(numbers[shard], row) for shard, row in locations], np.int32).reshape(-1, 2)
        self._rows = FeatureRows(cache)

    def __len__(self) -> int:
        return len(self._locations)

    def read(self, indices: Sequence[int]) -> np.ndarray:
        """float16 `(len(indices), *shape)`, in the order asked for. Several threads may read at once.

        Raises:
            UserError: one of the images could not be read (see `readable`), or a shard was damaged.
        """
        features = np.empty((len(indices), *self.shape), np.float16)
        for position, index in enumerate(indices):
            shard, row = self._locations[index]
            if row < 0:
                raise UserError(f"Image {index} has no features because it could not be read; see `problems`.")
            self._rows.read_into(features[position], self._shards[shard], int(row))
        return features


@dataclasses.dataclass(frozen=True)
class FeaturePlan:
    """What an extraction will take.

    images: all of them.
    new: images to encode, at most: files never seen count, though they may be copies of others.
    at_most: whether copies of images in the cache may be among them.
    """

    images: int
    new: int
    bytes_needed: int
    bytes_free: int
    folder: Path
    at_most: bool = False

    def __str__(self) -> str:
        if not self.new:
            return f"The features of all {self.images:,} images are in {self.folder}."
        most = "at most " if self.at_most else ""
        known = " Files that are new or newer only by name or date are not encoded again." if self.at_most else ""
        needed, free = format_bytes(self.bytes_needed), format_bytes(self.bytes_free)
        return (
            f"{most.capitalize()}{self.new:,} of {self.images:,} images are to be encoded: {most}{needed} in "
            f"{self.folder}, where {free} are free.{known}"
        )


class FeatureExtraction:
    """Encodes the images whose features are not yet in the cache.

    Construction reads no image and writes nothing.

    Args:
        encoder: a `captioner.encoders.base.Encoder` that is cacheable.
        images: paths, or images in archives.
        cache_root: folder of all caches.
        augmentation: of the images, one of `captioner.images.augment`; each has a cache of its own.

    Attributes:
        plan: what `run` will take, a `FeaturePlan`.

    Raises:
        UserError: the encoder is trained whole, so that its features change and cannot be kept.
    """

    def __init__(self, encoder, images: Sequence[ImagePath], cache_root: Path, augmentation: str = PLAIN):
        if not encoder.cacheable:
            raise UserError(
                f"{type(encoder).__name__} is trained whole, so its features change with every step and cannot "
                "be kept. Train it on the images themselves."
            )
        identity = encoder.identity() if augmentation == PLAIN else {**encoder.identity(), "view": augmentation}
        self.encoder, self.images, self.augmentation = encoder, images, augmentation
        self._cache = FeatureCache(cache_root, identity, encoder.backbone_shape)
        self._files = KnownFiles(self._cache.root / "files.jsonl")
        self._digests = [self._files.lookup(path) for path in images]
        self.plan = self._make_plan()

    def run(
        self, batch_size: int = 16, progress: Progress | None = None, limits: ImageLimits = DEFAULT_LIMITS
    ) -> FeatureStore:
        """Encodes what is missing, and opens the cache for all images.

        Args:
            batch_size: images the network sees at once.
            progress: called after each batch with images done, images to do and images a second.
            limits: what a single image may ask for.

        Returns:
            the features; images that cannot be read are listed in `problems` and left out.

        Raises:
            UserError: the disk is too small or full, or the folder cannot be written to.
        """
        problems = self._encode(batch_size, progress or (lambda *_: None), limits) if self.plan.new else []
        return FeatureStore(self._cache, self._digests, problems)

    def _encode(self, batch_size: int, progress: Progress, limits: ImageLimits) -> list[Problem]:
        check_room(self.plan)
        self._cache.prepare()
        problems: list[Problem] = []
        missing = [index for index, digest in enumerate(self._digests) if digest not in self._cache]
        writer = _Writer(self.encoder, self._cache, self._files, batch_size)
        paths = (self.images[index] for index in missing)
        results = parallel_map(lambda path: self._read(path, limits), paths, 3 * batch_size)
        started = time.monotonic()
        try:
            for position, (index, result) in enumerate(zip(missing, results, strict=True), start=1):
                if isinstance(result, Problem):
                    problems.append(result)
                    self._digests[index] = None
                    continue
                self._digests[index] = result.digest
                if result.status:
                    self._files.remember(result.path, result.status, result.digest)
                if writer.add(result):
                    progress(position, len(missing), writer.encoded / (time.monotonic() - started))
            writer.finish()
        except KeyboardInterrupt:
            writer.write()  # takes a moment, and nothing that was computed is lost
            raise
        finally:
            results.close()
        progress(len(missing), len(missing), writer.encoded / (time.monotonic() - started))
        return problems

    def _read(self, path: ImagePath, limits: ImageLimits) -> "_Image | Problem":
        """What the threads do: a file to the hash of its content and, if they are needed, its pixels."""
        status = None
        with contextlib.suppress(OSError):  # `read_bytes` says it in words
            status = os.stat(holding_file(path))
        try:
            data = read_bytes(path, limits)
            digest = hashlib.sha256(data).hexdigest()
            if digest in self._cache:
                return _Image(path, status, digest, None)
            pixels = load_pixels(data, self.encoder.spec, limits, str(path))
            return _Image(path, status, digest, augment(pixels, self.augmentation))
        except ImageError as error:
            return Problem(path, None, error.reason)

    def _make_plan(self) -> FeaturePlan:
        cache, digests = self._cache, self._digests
        unknown = digests.count(None)
        new = unknown + len({digest for digest in digests if digest is not None and digest not in cache})
        root = cache.root.absolute()
        existing = next(folder for folder in (root, *root.parents) if folder.exists())
        free = shutil.disk_usage(existing).free
        at_most = unknown > 0 and len(cache) > 0
        return FeaturePlan(len(digests), new, new * cache.bytes_per_image, free, cache.folder, at_most)


def check_room(plan: FeaturePlan) -> None:
    """
    Raises:
        UserError: the disk is too small.
    """
    if plan.bytes_needed > plan.bytes_free:
        raise UserError(
            f"The features of {plan.new:,} images need {format_bytes(plan.bytes_needed)}, but only "
            f"{format_bytes(plan.bytes_free)} are free for {plan.folder}. Make room, choose another folder, or set "
            "encoder.pool to 2, which needs a quarter."
        )


@dataclasses.dataclass(frozen=True)
class _Image:
    path: ImagePath
    status: os.stat_result | None  # from before it was read: a file that changes meanwhile is not taken for known
    digest: str
    pixels: np.ndarray | None  # None: the cache has its features already


class _Writer:
    """Collects images to batches, sends these through the backbone, and collects the features to shards."""

    def __init__(self, encoder, cache: FeatureCache, files: KnownFiles, batch_size: int):
        self._backbone, self._cache, self._files = encoder.backbone, cache, files
        batch_size = rows_at_once(batch_size, encoding_memory(encoder))
        self._pixels = np.zeros((batch_size, *encoder.spec.shape), np.float32)
        self._batch: list[str] = []
        self._seen: set[str] = set()
        self._digests: list[str] = []
        self._features: list[np.ndarray] = []
        self.encoded = 0

    def add(self, image: _Image) -> bool:
        """Takes an image; True if that filled a batch, which then went through the backbone."""
        if image.pixels is None or image.digest in self._seen:
            return False
        self._seen.add(image.digest)
        self._pixels[len(self._batch)] = image.pixels
        self._batch.append(image.digest)
        if len(self._batch) < len(self._pixels):
            return False
        self._encode()
        return True

    def finish(self) -> None:
        if self._batch:
            self._encode()
        self.write()

    def write(self) -> None:
        """Writes what is encoded as one shard."""
        if self._digests:
            self._cache.add(self._digests, np.concatenate(self._features))
            self._digests, self._features = [], []
        self._files.save()

    def _encode(self) -> None:
        # Always a whole batch, with old images at its end if need be: one size is compiled, and an image's
        # features do not depend on how many others came with it.
        features = self._backbone.predict(self._pixels)[: len(self._batch)]
        self._digests += self._batch
        self._features.append(np.asarray(features, np.float16))
        self.encoded += len(self._batch)
        self._batch = []
        if len(self._digests) >= SHARD_IMAGES:
            self.write()
