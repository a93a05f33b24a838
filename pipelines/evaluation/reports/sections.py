"""The sections of a report. Adding one is one function and one line in the registry."""

from dataclasses import dataclass, field

from markupsafe import Markup

from captioner.registry import Registry
from pipelines.evaluation.results import Evaluation


@dataclass(frozen=True)
class Html:
    """A section in HTML.

    text: made by `pipelines.evaluation.reports.html_page.render_fragment`.
    scripts: what the page has to run for it, files in `templates/`.
    data: what the scripts find.
    """

    text: Markup
    scripts: tuple[str, ...] = ()
    data: dict[str, object] = field(default_factory=dict)


class Section:
    """A part of a report. A subclass writes one of these, or both."""

    def html(self, evaluation: Evaluation) -> Html | None:
        """The section in HTML, or None where it has nothing to show."""
        return None

    def markdown(self, evaluation: Evaluation) -> list[str]:
        """The lines of the section in Markdown, none where it has nothing to show."""
        return []


# In the order of the report.
SECTIONS = Registry(
    "section of a report",
    {
        "headlines": "pipelines.evaluation.reports.score_sections:Headlines",
        "caption_cards": "pipelines.evaluation.reports.caption_sections:CaptionCards",
        "answer_cards": "pipelines.evaluation.reports.answer_sections:AnswerCards",
        "attention": "pipelines.evaluation.reports.attention_section:Attention",
        "scores": "pipelines.evaluation.reports.score_sections:Scores",
        "lengths": "pipelines.evaluation.reports.caption_sections:Lengths",
        "errors": "pipelines.evaluation.reports.caption_sections:Errors",
        "captions": "pipelines.evaluation.reports.caption_sections:CaptionList",
        "confusion": "pipelines.evaluation.reports.answer_sections:Confusion",
        "training": "pipelines.evaluation.reports.score_sections:Training",
        "caption_table": "pipelines.evaluation.reports.caption_sections:CaptionTable",
        "answer_table": "pipelines.evaluation.reports.answer_sections:AnswerTable",
        "facts": "pipelines.evaluation.reports.score_sections:Facts",
    },
)


def report_sections() -> list[Section]:
    return [SECTIONS.get(name)() for name in SECTIONS.names()]
