"""Reports as HTML pages that need nothing else: no network, no other file.

Names of files, captions, questions and answers are hostile until proven otherwise: everything is escaped (by jinja2),
a table's data is JSON that the page's own script puts in as text, and a content security policy forbids other scripts.
"""

import base64
import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path

import jinja2
from markupsafe import Markup

import captioner
from pipelines.evaluation.reports.sections import HTML_SECTIONS, functions
from pipelines.evaluation.results import Evaluation

TEMPLATES = Path(__file__).with_name("templates")


def render_report(evaluation: Evaluation) -> str:
    """The page of an evaluation as text."""
    parts = [part for section in functions(HTML_SECTIONS) if (part := section(evaluation)) is not None]
    scripts = [script for part in parts for script in part.scripts]
    data = {name: value for part in parts for name, value in part.data.items()}
    sections = [part.text for part in parts]
    return render_page("report.html", scripts, evaluation=evaluation, sections=sections, data=data)


def render_page(template: str, scripts: Sequence[str], **values) -> str:
    """A page as text.

    Args:
        template: one of `templates/`.
        scripts: the page's own, each one of `templates/`.
        values: what the template names; `data` is what the scripts find.
    """
    code = "\n".join((TEMPLATES / script).read_text(encoding="utf-8") for script in scripts)
    return (
        _environment()
        .get_template(template)
        .render(
            style=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),
            script=Markup(code),
            script_hash=base64.b64encode(hashlib.sha256(code.encode()).digest()).decode(),
            version=captioner.__version__,
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
