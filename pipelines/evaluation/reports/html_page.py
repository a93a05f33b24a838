"""Reports as HTML pages that need nothing else: no network, no other file.

Names of files, captions, questions and answers are hostile until proven otherwise: everything is escaped (by jinja2),
a table's data is JSON that the page's own script puts in as text, and a content security policy forbids other scripts.
"""

import base64
import functools
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import jinja2
from markupsafe import Markup

import captioner
from pipelines.evaluation.reports.sections import HTML_SECTIONS
from pipelines.evaluation.results import Evaluation

TEMPLATES = Path(__file__).with_name("templates")


def render_report(evaluation: Evaluation) -> str:
    """The page of an evaluation as text."""
    sections = [
        (name.replace("_", "-"), section)
        for name in HTML_SECTIONS.names()
        if (section := HTML_SECTIONS.get(name)(evaluation)) is not None
    ]
    return render_page(
        "report.html",
        [script for _, section in sections for script in section.scripts],
        data={name: value for _, section in sections for name, value in section.data.items()},
        evaluation=evaluation,
        sections=sections,
        titles=[(id, section.title) for id, section in sections if section.title],
    )


def render_page(template: str, scripts: Sequence[str] = (), data: Mapping[str, object] | None = None, **values) -> str:
    """A page as text.

    Args:
        template: one of `templates/`, which extends `page.html`.
        scripts: the page's own, each one of `templates/`; where there are any, `page.js` comes before them.
        data: what the scripts find.
        values: what the template names.
    """
    read = lambda name: (TEMPLATES / name).read_text(encoding="utf-8")  # noqa: E731
    # In blocks of their own, so that no two scripts name the same thing.
    code = "\n".join([read("page.js"), *(f"{{\n{read(script)}}}" for script in scripts)]) if scripts else ""
    return (
        _environment()
        .get_template(template)
        .render(
            style=Markup(read("page.css")),
            script=Markup(code),
            script_hash=base64.b64encode(hashlib.sha256(code.encode()).digest()).decode(),
            version=captioner.__version__,
            data=data or {},
            **values,
        )
    )


def render_fragment(template: str, **values) -> Markup:
    """A part of a page; `template` is one of `templates/`."""
    return Markup(_environment().get_template(template).render(**values))


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
