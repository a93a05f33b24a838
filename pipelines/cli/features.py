"""`captioner features`."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.command import SKIPPED
from pipelines.cli.options import Cache, ShardOption, Weights, shard_of
from pipelines.utils.console import load_keras


def features(  # noqa: PLR0913 - one parameter an option
    data: Annotated[Path, typer.Argument(help="Folder of the data set, or a table beside its images.")],
    encoder: Annotated[str, typer.Option(help="See `captioner list encoders`.")] = "vgg16",
    kind: Annotated[str, typer.Option("--features", help="grid or fc7.")] = "grid",
    pool: Annotated[int, typer.Option(help="As encoder.pool of the recipe: 2 halves the grid, 1 leaves it.")] = 1,
    application: Annotated[
        str, typer.Option(help="Of the encoder keras_application: which network, such as EfficientNetB0.")
    ] = "",
    image_size: Annotated[int, typer.Option(min=1, help="Height and width that images are scaled to.")] = 224,
    encoder_weights: Weights = None,
    cache: Cache = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at once.")] = 16,
    shard: ShardOption = None,
):
    """Compute the features of a data set's images with a frozen network, and store them where `train` reads them."""
    from captioner.encoders import ENCODERS, build_encoder
    from captioner.settings import EncoderSettings, validate
    from pipelines.data.datasets import read_dataset
    from pipelines.utils.progress import Reporter

    reporter = Reporter()
    ENCODERS.path(encoder)
    images = list(dict.fromkeys(example.image for example in read_dataset(data).examples))
    load_keras()
    from pipelines.data.features.extract import SHARD_IMAGES, FeatureExtraction

    part = shard_of(shard)
    if part:  # whole files of the cache, which are named after their images: nothing has to be merged
        first, last = part.range_of(-(-len(images) // SHARD_IMAGES))
        images = images[first * SHARD_IMAGES : last * SHARD_IMAGES]
    of_encoder = ({"features": kind} if kind != "grid" else {}) | ({"application": application} if application else {})
    options = {"name": encoder, "pool": pool, "image_size": image_size, "options": of_encoder}
    network = build_encoder(validate(EncoderSettings, options, "the options"), encoder_weights)
    extraction = FeatureExtraction(network, images, cache or Path("runs") / "cache")
    reporter.log(str(extraction.plan))
    with reporter.images("Features") as advance:
        store = extraction.run(batch_size, advance)
    reporter.problems(store.problems, most=1000)
    return SKIPPED if store.problems else 0
