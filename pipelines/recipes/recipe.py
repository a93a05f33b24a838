"""Recipes: one TOML file a named experiment, with every setting typed and checked."""

import json
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, PrivateAttr

from captioner.errors import UserError, nearest
from captioner.settings import Settings, Share, validate
from pipelines.recipes.task_registry import RECIPE_KINDS

RECIPES = Path(__file__).parent
Positive = Annotated[float, Field(gt=0)]


class LoopSettings(Settings):
    """How weights are learned, whatever the model."""

    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0  # of the first weights, the order and dropout
    epochs: PositiveInt = 20
    optimizer: Literal["adam", "rmsprop", "adagrad"] = "adam"
    learning_rate: Positive = 5e-4
    schedule: Literal["constant", "cosine"] = "cosine"
    warmup_steps: Annotated[int, Field(ge=0)] = 200
    final_learning_rate: Annotated[float, Field(ge=0, le=1)] = 0.05  # of the learning rate, where cosine ends
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    clip_norm: Annotated[float, Field(ge=0)] = 5.0  # of all gradients together; 0: they are not clipped
    clip_value: Positive | None = None  # of each number of a gradient, instead
    average_weights: Share = 0.0  # momentum of the moving average of weights that a model is used with; 0: none
    patience: PositiveInt | None = None  # epochs without a better score before training stops
    xla: bool = True  # compile steps with XLA: faster for decoders, slower where convolutions train on a processor
    checkpoint_minutes: Positive = 5.0


class AnyRecipe(Settings):
    """What every named experiment has; a kind of model adds its own settings."""

    name: str
    kind: str
    description: str = ""
    data: Settings
    training: LoopSettings
    _changed: tuple[str, ...] = PrivateAttr(())  # settings that were given one by one, such as decoder.units

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
            f"There is no recipe called {name_or_path!r}, and no such file. Recipes: {', '.join(recipe_names())}."
            f"{nearest(name_or_path, recipe_names())}"
        )
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a readable recipe: {error}.") from None
    values.setdefault("name", path.stem)
    for override in overrides:
        _override(values, override)
    given = values.get("kind", "captioner")
    if kind is not None and given != kind:
        raise UserError(
            f"{path.name} is a recipe of kind {given!r}, but {kind!r} is needed here: {', '.join(recipe_names(kind))}."
        )
    recipe_class = RECIPE_KINDS.get(given)
    recipe = validate(recipe_class, values, source=path.name if not overrides else f"{path.name} with --set")
    recipe._changed = tuple(override.partition("=")[0].strip() for override in overrides)
    return recipe


def _override(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise UserError(f"--set {override!r} is not understood; write it like --set decoder.units=256.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
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
    lines = [f"{_toml_key(key)} = {_toml_value(value)}" for key, value in values.items() if not isinstance(value, dict)]
    for key, value in values.items():
        if isinstance(value, dict) and value:
            lines += ["", f"[{'.'.join((*path, key))}]", *_toml_lines(value, (*path, key))]
    return lines


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _toml_value(key)


def _toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    # A JSON string is a TOML basic string, once the characters that only TOML forbids are escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
