"""The settings of a network of glimpses, as its preset's `config.json` holds them."""

from typing import Literal

from pydantic import Field

from captioner.settings import MOST_REPEATED, Pixels, Settings, Size, TextSettings


class GlimpseNetworkSettings(Settings):
    """The network and its glimpses."""

    name: Literal["glimpses", "downscaled"] = Field(
        default="glimpses", description="downscaled: the whole image, at the size of a patch"
    )
    image_size: Pixels = Field(default=64, description="pixels each way")
    glimpses: int = Field(default=4, ge=2, le=MOST_REPEATED, description="number of glimpses")
    size: int = Field(default=12, ge=2, le=256, description="pixels each way of a patch")
    scales: int = Field(default=3, ge=1, le=8, description="patches of a glimpse, each twice as wide as the one before")
    cell: str = Field(default="lstm", description="see `captioner list cells`")
    units: Size = Field(default=128, description="of the cell, and of a glimpse's features")
    filters: int = Field(default=12, ge=1, le=1024, description="of the first convolution over patches")
    spread: float = Field(default=0.2, gt=0, description="standard deviation of sampled locations; 1 is half the image")
    reinforce_weight: float = Field(default=1.0, ge=0, description="of the policy-gradient loss")
    rollouts: int = Field(
        default=4, ge=1, le=1000, description="sampled paths of each scene of a batch, compared with each other"
    )


class GlimpseSettings(Settings):
    """Everything that is needed to build the network again, except its weights."""

    kind: Literal["glimpses"] = "glimpses"
    network: GlimpseNetworkSettings = GlimpseNetworkSettings()
    labels: tuple[str, ...] = Field(default=(), description="in the order of the network's outputs")
    text: TextSettings = Field(default=TextSettings(tokenizer="spaces"), description="of labels")
