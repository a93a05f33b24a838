"""Recipes: one TOML file a named experiment, with every setting typed and checked."""

import json
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveInt, PrivateAttr

from captioner.errors import UserError, alternatives
from captioner.settings import Settings, Share, validate
from captioner.text.files import read_text
from pipelines.recipes.parts import check_part_names
from pipelines.recipes.task_registry import RECIPE_KINDS

RECIPES = Path(__file__).parent
_LARGEST = 100_000  # bytes
Positive = Annotated[float, Field(gt=0)]


class LoopSettings(Settings):
    """How weights are learned, whatever the model."""

    seed: int = Field(0, ge=0, lt=2**32, description="of the first weights, the order of the data and dropout")
    epochs: PositiveInt = Field(20, description="passes over the training data")
    optimizer: Literal["adam", "rmsprop", "adagrad"] = Field("adam", description="update rule")
    learning_rate: Positive = Field(5e-4, description="the highest of the schedule")
    schedule: Literal["constant", "cosine"] = Field("cosine", description="cosine: down to final_learning_rate")
    warmup_steps: int = Field(200, ge=0, description="steps over which the learning rate rises from 0")
    final_learning_rate: float = Field(0.05, ge=0, le=1, description="share of the learning rate at which cosine ends")
    weight_decay: float = Field(0.0, ge=0, description="decoupled from the gradient (AdamW)")
    clip_norm: float = Field(5.0, ge=0, description="largest norm of all gradients together; 0: no clipping")
    clip_value: Positive | None = Field(None, description="largest entry of a gradient, in place of clip_norm")
    average_weights: Share = Field(0.0, description="momentum of the moving average of weights that is saved; 0: none")
    patience: PositiveInt | None = Field(
        None, description="epochs without a better score before it stops; all by default"
    )
    xla: bool = Field(True, description="compile steps with XLA: faster for decoders, slower for convolutions on a CPU")
    checkpoint_minutes: Positive = Field(5.0, description="between two checkpoints")


class AnyRecipe(Settings):
    """What every named experiment has; a kind of model adds its own settings.

    Attributes:
        train_options: the options of `captioner train` that mean something to the kind.
    """

    train_options: ClassVar[tuple[str, ...]] = ()

    name: str = Field(description="of the experiment, and of its run folder")
    kind: str = Field(description="of model")
    description: str = Field("", description="one line for `captioner list recipes`")
    data: Settings
    training: LoopSettings
    _changed: tuple[str, ...] = PrivateAttr(())

    @classmethod
    def read(cls, values: dict[str, Any], source: str, changed: tuple[str, ...] = ()) -> "AnyRecipe":
        """A recipe from plain values; see `captioner.settings.validate` and `check_part_names`."""
        recipe = validate(cls, values, source)
        try:
            check_part_names(recipe)
        except UserError as error:
            raise UserError(f"{source}: {error}") from None
        recipe._changed = changed
        return recipe

    @property
    def changed(self) -> tuple[str, ...]:
        """Settings that were given one by one, such as `decoder.units`, beside the file."""
        return self._changed

    def __eq__(self, other):
        """Whether all settings are the same, however they were given."""
        return type(self) is type(other) and self.model_dump() == other.model_dump()

    __hash__ = None


def recipe_names(kind: str | None = None) -> list[str]:
    """The recipes that come with the package; those of one kind, if it is given."""
    names = sorted(path.stem for path in RECIPES.glob("*.toml"))
    return [name for name in names if kind in (None, _read_shipped(name).get("kind", "captioner"))]


def recipe_summary(name: str) -> str:
    return _read_shipped(name).get("description", "")


def _read_shipped(name: str) -> dict[str, Any]:
    return tomllib.loads((RECIPES / f"{name}.toml").read_text(encoding="utf-8"))


def load_recipe(name_or_path: str, overrides: list[str] | tuple[str, ...] = (), kind: str | None = None) -> AnyRecipe:
    """Reads a recipe and changes single settings of it.

    Args:
        name_or_path: a recipe that comes with the package, or a TOML file.
        overrides: `"decoder.units=256"`; the value is read as TOML, and as text where that fails.
        kind: the kind that the caller can use; any by default.

    Raises:
        UserError: there is no such recipe, it is not TOML or of another kind, or a setting is unknown or does not fit.
    """
    path = Path(name_or_path)
    if not path.is_file():
        path = RECIPES / f"{name_or_path}.toml"
    if not path.is_file():
        raise UserError(
            f"There is no recipe called {name_or_path!r}, and no such file."
            f"{alternatives(name_or_path, recipe_names(), 'captioner list recipes')}"
        )
    if path.stat().st_size > _LARGEST:  # the parser's time grows with the square of a key's length
        raise UserError(f"{path} is not a recipe: it has more than {_LARGEST:,} bytes.")
    text = read_text(path)
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # no TOML, a number of thousands of digits, nested too deep
        raise UserError(f"{path} is not a readable recipe: {error}.") from None
    values.setdefault("name", path.stem)
    for override in overrides:
        _override(values, override)
    its_kind = values.get("kind", "captioner")
    if not isinstance(its_kind, str):
        raise UserError(f"{path.name}: `kind` = {its_kind!r:.50} does not fit: a name is expected.")
    if kind is not None and its_kind != kind:
        names = ", ".join(recipe_names(kind))
        raise UserError(f"{path.name} is a recipe of kind {its_kind!r}, but {kind!r} is needed here: {names}.")
    changed = tuple(override.partition("=")[0].strip() for override in overrides)
    return RECIPE_KINDS.get(its_kind).read(values, f"{path.name} with --set" if overrides else path.name, changed)


def _override(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise UserError(f"--set {override!r} is not understood; write it like --set decoder.units=256.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        value = text
    *path, last = key.strip().split(".")
    for part in path:
        values = values.setdefault(part, {})
        if not isinstance(values, dict):
            raise UserError(f"--set {override!r}: `{part}` is a single setting, not a group of settings.")
    values[last] = value


def as_toml(settings: Settings) -> str:
    """Settings as TOML, groups last; `None` is left out, since it is what a missing key means."""
    return "\n".join(_toml_lines(settings.model_dump(mode="json", exclude_none=True), ())) + "\n"


def _toml_lines(values: dict[str, Any], path: tuple[str, ...]) -> list[str]:
    lines = [f"{_toml_key(key)} = {toml_value(value)}" for key, value in values.items() if not isinstance(value, dict)]
    for key, value in values.items():
        if isinstance(value, dict) and value:
            lines += ["", f"[{'.'.join((*path, key))}]", *_toml_lines(value, (*path, key))]
    return lines


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else toml_value(key)


def toml_value(value: Any) -> str:
    """A number, text, truth value, list or table of these on one line of TOML.

    >>> toml_value({"activation": "relu", "size": (3, 4)})
    '{activation = "relu", size = [3, 4]}'
    """
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml_key(key)} = {toml_value(part)}" for key, part in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    # A JSON string is a TOML basic string, once the characters that only TOML forbids are escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
