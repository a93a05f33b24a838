"""Reports as HTML pages that need nothing else: no network, no other file.

Names of files, captions, questions and answers are hostile until proven otherwise: everything is escaped (by jinja2),
a table's data is JSON that the page's own script puts in as text, and a content security policy forbids other scripts.
"""

import base64
import hashlib
from pathlib import Path

import jinja2
from markupsafe import Markup

import captioner

TEMPLATES = Path(__file__).with_name("templates")


def render_page(template: str, script: str, **values) -> str:
    """A page as text.

    Args:
        template: one of `templates/` that extends page.html.
        script: the page's own script, one of `templates/`.
        values: what the template names; `data` is what the script finds.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    code = (TEMPLATES / script).read_text(encoding="utf-8")
    return environment.get_template(template).render(
        style=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),
        script=Markup(code),
        script_hash=base64.b64encode(hashlib.sha256(code.encode()).digest()).decode(),
        version=captioner.__version__,
        **values,
    )
