"""The settings of a network that looks in glimpses: what its preset's `config.json` holds."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from captioner.settings import Settings, TextSettings


class LookSettings(Settings):
    """How an image is looked at."""

    name: Literal["glimpses", "downscaled"] = "glimpses"  # downscaled: at once, at the size of a patch
    image_size: PositiveInt = 64
    glimpses: Annotated[int, Field(ge=2)] = 4
    size: Annotated[int, Field(ge=2)] = 12  # pixels each way of a patch
    scales: PositiveInt = 3  # patches of a glimpse, each of twice the width of the one before
    cell: str = "lstm"
    units: PositiveInt = 128  # of the cell, and of what is seen
    filters: PositiveInt = 12  # of the first convolution over patches
    spread: Annotated[float, Field(gt=0)] = 0.2  # standard deviation of places while it learns; 1 is half the image
    reinforce_weight: Annotated[float, Field(ge=0)] = 1.0
    rollouts: PositiveInt = 4  # ways in which each scene of a batch is looked at, to be compared


class GlimpseSettings(Settings):
    """Everything that is needed to build the network again, except its weights."""

    kind: Literal["glimpses"] = "glimpses"
    look: LookSettings = LookSettings()
    labels: tuple[str, ...] = ()  # in the order of the network's outputs
    text: TextSettings = TextSettings(tokenizer="spaces")  # of labels
