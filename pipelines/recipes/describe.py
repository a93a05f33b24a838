"""Settings as a table: what each is called, what it may be, what it is by default and what it means."""

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType, NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic_core import PydanticUndefined

from captioner.options import constructor_arguments, part_options
from captioner.settings import Settings
from pipelines.recipes.parts import CELLS, PARTS, imported
from pipelines.recipes.recipe import toml_value

_BOUNDS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}


def describe_settings(
    settings: type[Settings], default: Settings | None = None, path: str = ""
) -> Iterator[tuple[str, str, str, str]]:
    """The name, type, default and meaning of every setting of a class, those in groups by their dotted names.

    Args:
        settings: the class.
        default: settings whose values count as the defaults; those of the class where it is None.
        path: what stands before the names.

    >>> from captioner.settings import BeamSettings
    >>> next(describe_settings(BeamSettings, path="search."))
    ('search.num_beams', 'int > 0 <= 128', '3', 'K; 1 is greedy search')
    """
    for name, field in settings.model_fields.items():
        if name == "kind":  # what the settings are of; it cannot be chosen
            continue
        value = getattr(default, name) if default else field.get_default(call_default_factory=True)
        if isinstance(field.annotation, type) and issubclass(field.annotation, Settings):
            yield from describe_settings(field.annotation, value, f"{path}{name}.")
            continue
        if value is PydanticUndefined or value is None:
            text = "none" if value is None else "required"
        else:
            text = toml_value(value)
        type_text = " ".join([type_name(field.annotation), *_bounds(field.metadata)])
        yield path + name, type_text, text, field.description or ""


def describe_options(recipe: Settings) -> Iterator[tuple[str, str, str, str]]:
    """The options of the parts that a recipe chooses, as `describe_settings` gives settings. Imports the parts.

    Types and defaults are those of the constructors; the meaning is that of the class's docstring.
    """
    for group, (registry, base) in PARTS.items():
        chosen = getattr(recipe, group, None)
        if chosen is None:
            continue
        part, common = imported(registry).get(chosen.name), type(chosen).model_fields
        yield from describe_part(part, imported(base), common, f"{group}.options", chosen.options)
        if "cell_options" in common:
            part = imported(CELLS[0]).get(chosen.cell)
            yield from describe_part(part, imported(CELLS[1]), ["units"], f"{group}.cell_options", chosen.cell_options)


def describe_part(
    part: type, base: type, common: Iterable[str], path: str, values: Mapping[str, Any] = MappingProxyType({})
) -> Iterator[tuple[str, str, str, str]]:
    """The options of one part, as `describe_settings` gives settings.

    Args:
        part: its class, of which `base` is the base class.
        common: the settings that all parts of its kind have, which are no options.
        path: what stands before the names.
        values: options that were chosen, in place of the defaults.
    """
    arguments = constructor_arguments(part, base)
    for name in part_options(part, base, common):
        default = arguments[name].default
        if default is inspect.Parameter.empty:  # another part, which is no setting
            continue
        meaning = re.search(rf"^ +{name}: (.*?)(?=\n +\w[\w, ]*: |\n *\n|\Z)", part.__doc__ or "", re.M | re.S)
        text = toml_value(values.get(name, default))
        yield (
            f"{path}.{name}",
            type(default).__name__,
            text,
            re.sub(r"^(int|float|str|bool)[,.] ", "", " ".join(meaning[1].split())) if meaning else "",
        )


def type_name(annotation: Any) -> str:
    """A type in words.

    >>> type_name(Literal["a", "b"] | None), type_name(tuple[str, ...]), type_name(dict[str, int])
    ('a | b | none', 'list of str', 'table of int')
    """
    parts = get_args(annotation)
    origin = get_origin(annotation)
    if origin is Literal:
        return " | ".join(map(str, parts))
    if origin is Annotated:
        return " ".join([type_name(parts[0]), *_bounds(parts[1:])])
    if origin is tuple:
        return f"list of {type_name(parts[0])}"
    if origin is dict:
        return f"table of {type_name(parts[1])}"
    if parts:
        return " | ".join(map(type_name, parts))
    return "none" if annotation is NoneType else annotation.__name__


def _bounds(metadata) -> Iterator[str]:
    for bound in metadata:
        if hasattr(bound, "metadata"):  # a `Field` that stands inside of a union
            yield from _bounds(bound.metadata)
        yield from (f"{sign} {getattr(bound, name)}" for name, sign in _BOUNDS.items() if hasattr(bound, name))
