"""Options of parts: settings that only one cell, encoder, decoder, question encoder or fusion has.

What many parts of a kind have is a setting of its own; what only one has is an entry of `options`, and the constructor
of that part says which options there are. This is the only place where the arguments of constructors are inspected.
"""

import inspect

from captioner.errors import UserError, alternatives


def constructor_arguments(part: type, base: type) -> dict[str, inspect.Parameter]:
    """The arguments of a class's constructor and of those that it passes `**kwargs` to, up to and with `base`."""
    arguments: dict[str, inspect.Parameter] = {}
    for owner in part.__mro__:
        if issubclass(owner, base) and "__init__" in vars(owner):
            for name, parameter in inspect.signature(owner.__init__).parameters.items():
                if name != "self" and parameter.kind is not parameter.VAR_KEYWORD:
                    arguments.setdefault(name, parameter)
    return arguments


def part_options(part: type, base: type, common=()) -> list[str]:
    """The options of a part: what its constructor takes besides the `common` settings and what `base` takes."""
    shared = {*common, *constructor_arguments(base, base)}
    return [name for name in constructor_arguments(part, base) if name not in shared]


def build_part(what: str, part: type, base: type, common: dict, options: dict, **fixed):
    """Makes a part from its own options and from those common settings that its constructor takes.

    Args:
        what: the part in messages, such as `"cell lstm"`.
        part: its class.
        base: the class that all parts of this kind derive from.
        common: settings that parts of this kind have in common; a part need not have all of them.
        options: settings of this part alone.
        fixed: what else the constructor gets.

    Raises:
        UserError: the part has no such option, needs one that is missing, or refuses a value.
    """
    arguments = constructor_arguments(part, base)
    known = part_options(part, base, {*common, *fixed})
    for option in options:
        if option not in known:
            has = alternatives(option, sorted(known)) if known else " It has none."
            raise UserError(f"The {what} has no option `{option}`.{has}")
    for option in known:
        if option not in options and arguments[option].default is inspect.Parameter.empty:
            raise UserError(f"The {what} needs the option `{option}`.")
    values = {name: value for name, value in common.items() if name in arguments}
    try:
        return part(**values, **options, **fixed)
    except UserError:
        raise
    except (ValueError, TypeError) as error:
        raise UserError(f"The {what} cannot be made: {error}") from None
