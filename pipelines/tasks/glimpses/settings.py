"""What a recipe of kind "glimpses" sets."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from captioner.models.glimpses.settings import GlimpseSettings, LookSettings
from captioner.settings import Settings
from pipelines.recipes.recipe import AnyRecipe, LoopSettings


class SceneSizes(Settings):
    """Scenes of each split; those to learn from are others in each epoch."""

    train: PositiveInt = 10_000
    dev: PositiveInt = 1000
    test: PositiveInt = 2000


class SceneSettings(Settings):
    """The cluttered scenes that are drawn."""

    seed: Annotated[int, Field(ge=0)] = 0
    sizes: SceneSizes = SceneSizes()


class GlimpseTrainingSettings(LoopSettings):
    """How a network of glimpses is learned."""

    batch_size: PositiveInt = 64


class GlimpseRecipe(AnyRecipe):
    """A network that looks in glimpses: data, network and training."""

    kind: Literal["glimpses"] = "glimpses"
    data: SceneSettings = SceneSettings()
    look: LookSettings = LookSettings()
    training: GlimpseTrainingSettings = GlimpseTrainingSettings()

    def model(self, labels: tuple[str, ...]) -> GlimpseSettings:
        """The settings of the network that tells these labels apart."""
        return GlimpseSettings(look=self.look, labels=labels)
