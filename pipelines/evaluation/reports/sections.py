"""The sections of a report. Adding one is a function of an `Evaluation`, and one line in the registries below."""

from collections.abc import Callable
from dataclasses import dataclass, field

from markupsafe import Markup

from captioner.registry import Registry


@dataclass(frozen=True)
class Html:
    """A section in HTML.

    text: made by `pipelines.evaluation.reports.html_page.render_fragment`, without the heading.
    title: the heading, also in the table of contents; a section without one stands above that table.
    scripts: what the page has to run for it, files in `templates/`.
    data: what the scripts find.
    """

    text: Markup
    title: str = ""
    scripts: tuple[str, ...] = ()
    data: dict[str, object] = field(default_factory=dict)


# In the order of the report; the name is also what links to the section end in. A function returns the section as
# `Html`, or None where it has nothing to show.
HTML_SECTIONS = Registry(
    "section of an HTML report",
    {
        "headlines": "pipelines.evaluation.reports.score_sections:headlines",
        "caption_cards": "pipelines.evaluation.reports.caption_sections:caption_cards",
        "answer_cards": "pipelines.evaluation.reports.answer_sections:answer_cards",
        "attention": "pipelines.evaluation.reports.attention_section:attention",
        "scores": "pipelines.evaluation.reports.score_sections:scores",
        "lengths": "pipelines.evaluation.reports.caption_sections:lengths",
        "errors": "pipelines.evaluation.reports.caption_sections:errors",
        "words": "pipelines.evaluation.reports.caption_sections:words",
        "calibration": "pipelines.evaluation.reports.answer_sections:calibration",
        "confusion": "pipelines.evaluation.reports.answer_sections:confusion",
        "training": "pipelines.evaluation.reports.score_sections:training",
        "caption_table": "pipelines.evaluation.reports.caption_sections:caption_table",
        "answer_table": "pipelines.evaluation.reports.answer_sections:answer_table",
        "facts": "pipelines.evaluation.reports.score_sections:facts",
    },
)

# The same for Markdown; a function returns lines, none where it has nothing to show.
MARKDOWN_SECTIONS = Registry(
    "section of a Markdown report",
    {
        "scores": "pipelines.evaluation.reports.score_sections:scores_markdown",
        "breakdown": "pipelines.evaluation.reports.score_sections:breakdown_markdown",
        "errors": "pipelines.evaluation.reports.caption_sections:errors_markdown",
        "captions": "pipelines.evaluation.reports.caption_sections:captions_markdown",
        "facts": "pipelines.evaluation.reports.score_sections:facts_markdown",
    },
)


def functions(registry: Registry) -> list[Callable]:
    return [registry.get(name) for name in registry.names()]
