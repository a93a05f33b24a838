"""What `captioner check DATA` looks at: captions, questions or both, whatever the folder holds."""

from dataclasses import replace
from pathlib import Path

from pipelines.data.checks.captions import check
from pipelines.data.checks.questions import check_questions
from pipelines.data.checks.report import Report
from pipelines.data.datasets import DATASETS, fitting_layouts, is_data_file, layouts_known, read_dataset
from pipelines.data.datasets.rows import find_tables
from pipelines.data.question_datasets import QUESTION_DATASETS, read_questions
from pipelines.data.question_datasets.easy_vqa import installed


def kinds_of(root: Path | str) -> tuple[bool, bool]:
    """Whether the folder or file `root` holds captions, and whether it holds questions.

    Raises:
        UserError: there is no such folder, or it is no data set.
    """
    root = installed(root)
    if not root.is_dir() and not is_data_file(root):
        read_dataset(root)  # says it
    has_questions = bool(fitting_layouts(QUESTION_DATASETS, root))
    fitting = fitting_layouts(DATASETS, root)
    # Any table would do as one of captions; beside questions only one that is called so does.
    has_captions = bool(fitting) and (not has_questions or fitting != ["table"] or _is_caption_table(root))
    if not has_questions and not has_captions:
        raise layouts_known(root, DATASETS, QUESTION_DATASETS)
    return has_captions, has_questions


def inspect_layout(
    root: Path | str, tokenizer: str = "ptb", minimum_count: int = 1, open_images: bool = True
) -> list[Report]:
    """A report of the captions and one of the questions in the folder or file `root`, as far as there are any.

    Raises:
        UserError: there is no such folder, or it is no data set.
    """
    root = installed(root)
    has_captions, has_questions = kinds_of(root)
    reports: list[Report] = []
    if has_captions:
        reports.append(check(read_dataset(root), tokenizer, minimum_count, open_images))
    if has_questions:
        dataset = read_questions(root)
        opened = {example.image for report in reports for example in report.dataset.examples}
        is_opened = bool(opened) and {example.image for example in dataset.examples} <= opened
        report = check_questions(dataset, tokenizer, minimum_count, open_images and not is_opened)
        reports.append(replace(report, images_opened=open_images))
    return reports


def _is_caption_table(root: Path) -> bool:
    return any(path.stem.lower() == "captions" for path in find_tables(root))
