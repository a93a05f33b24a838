"""The settings of a recipe of kind "glimpses"."""

from typing import Literal

from pydantic import Field, PositiveInt

from captioner.models.glimpses.settings import GlimpseNetworkSettings, GlimpseSettings
from captioner.settings import Settings
from pipelines.recipes.recipe import AnyRecipe, LoopSettings


class SceneSizes(Settings):
    """Scenes of each split; those to learn from are others in each epoch."""

    train: PositiveInt = Field(10_000, description="scenes of an epoch; new ones in each")
    dev: PositiveInt = Field(1000, description="scenes that choose the best epoch")
    test: PositiveInt = Field(2000, description="scenes of the final score")


class SceneSettings(Settings):
    """The cluttered scenes."""

    seed: int = Field(0, ge=0, description="of the scenes")
    sizes: SceneSizes = Field(SceneSizes(), description="scenes of each split")


class GlimpseTrainingSettings(LoopSettings):
    """How a network of glimpses is learned."""

    batch_size: PositiveInt = Field(64, description="rows of a batch")


class GlimpseRecipe(AnyRecipe):
    """A network of glimpses: data, network and training."""

    kind: Literal["glimpses"] = "glimpses"
    data: SceneSettings = SceneSettings()
    network: GlimpseNetworkSettings = GlimpseNetworkSettings()
    training: GlimpseTrainingSettings = GlimpseTrainingSettings()

    def model(self, labels: tuple[str, ...]) -> GlimpseSettings:
        """The settings of the network for these labels."""
        return GlimpseSettings(network=self.network, labels=labels)
