"""`captioner features`."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.options import Cache, Weights
from pipelines.terminal import SKIPPED, load_keras


def features(
    data: Annotated[Path, typer.Argument(help="Folder of the data set.")],
    encoder: Annotated[str, typer.Option(help="See `captioner list encoders`.")] = "vgg16",
    kind: Annotated[str, typer.Option("--features", help="grid or fc7.")] = "grid",
    pool: Annotated[int, typer.Option(help="2 halves the grid, 1 leaves it.")] = 2,
    encoder_weights: Weights = None,
    cache: Cache = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at once.")] = 16,
):
    """Compute and keep what a frozen network sees in the images of a data set."""
    load_keras()
    from captioner.encoders import build_encoder
    from captioner.settings import EncoderSettings, validate
    from pipelines.datasets import read_dataset
    from pipelines.features import extract_features
    from pipelines.show import Show

    show = Show()
    images = list(dict.fromkeys(example.image for example in read_dataset(data).examples))
    wanted = validate(EncoderSettings, {"name": encoder, "features": kind, "pool": pool}, "the options")
    with show.progress("Features") as advance:
        store = extract_features(
            build_encoder(wanted, encoder_weights), images, cache or Path("cache"), batch_size,
            lambda done, total, rate: advance(done, total, f"{rate:.1f} images/s"),
            lambda plan: show.say(str(plan)),
        )  # fmt: skip
    show.problems(store.problems, most=1000)
    return SKIPPED if store.problems else 0
