"""What `import captioner` offers: every name with types, for editors and type checkers too."""

import ast
import inspect
import tomllib
import typing
from pathlib import Path

import pytest

import captioner

ROOT = Path(__file__).parents[2]


def functions_of(name):
    """The function of that name, or the public methods and properties of the class, by name."""
    member = getattr(captioner, name)
    if inspect.isfunction(member):
        return {name: member}
    found = {}
    for owner in [owner for owner in member.__mro__ if owner.__module__.startswith("captioner")]:
        for method, value in vars(owner).items():
            function = getattr(value, "__func__", None) or getattr(value, "fget", None) or value
            own = inspect.isfunction(function) and function.__module__.startswith("captioner")
            if own and (method == "__init__" or not method.startswith("_")):
                found[f"{owner.__name__}.{method}"] = function
    return found


@pytest.mark.parametrize("name", [name for name in captioner.__all__ if name != "__version__"])
def test_every_argument_and_result_has_a_type(name):
    """Wrong if an editor cannot say that `caption("a.jpg")` is a list of captions, or if a type does not exist."""
    for path, function in functions_of(name).items():
        typing.get_type_hints(function)
        signature = inspect.signature(function)
        untyped = [each.name for each in signature.parameters.values() if each.annotation is each.empty]
        assert [name for name in untyped if name not in ("self", "cls")] == [], path
        assert signature.return_annotation is not signature.empty or path.endswith("__init__"), path


def test_type_checkers_read_the_same_names():
    """Names are resolved when they are used, which type checkers do not follow: `__init__.pyi` states them."""
    stub = ast.parse((ROOT / "captioner" / "__init__.pyi").read_text(encoding="utf-8"))
    imported = {
        alias.asname: statement.module
        for statement in stub.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert imported == captioner._PUBLIC
    data = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["package-data"]
    assert {"py.typed", "__init__.pyi"} <= set(data["captioner"]) and (ROOT / "captioner" / "py.typed").is_file()
