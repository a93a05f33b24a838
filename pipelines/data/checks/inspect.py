"""What `captioner check DATA` looks at: captions, questions or both, whatever the folder holds."""

from dataclasses import replace
from pathlib import Path

from pipelines.data.checks.captions import CheckReport, check
from pipelines.data.checks.questions import QuestionReport, check_questions
from pipelines.data.datasets import DATASETS, fitting_layouts, layouts_known, read_dataset
from pipelines.data.datasets.rows import find_tables
from pipelines.data.question_datasets import QUESTION_DATASETS, read_questions
from pipelines.data.question_datasets.easy_vqa import installed


def inspect_layout(
    root: Path | str, tokenizer: str = "ptb", minimum_count: int = 1, open_images: bool = True
) -> list[CheckReport | QuestionReport]:
    """A report of the captions and one of the questions in the folder `root`, as far as there are any.

    Raises:
        UserError: there is no such folder, or it is no data set.
    """
    root = installed(root)
    if not root.is_dir():
        read_dataset(root)  # says it
    asks = bool(fitting_layouts(QUESTION_DATASETS, root))
    fitting = fitting_layouts(DATASETS, root)
    # Any table would do as one of captions; beside questions only one that is called so does.
    tells = bool(fitting) and (not asks or fitting != ["table"] or _has_captions(root))
    if not asks and not tells:
        raise layouts_known(root, DATASETS, QUESTION_DATASETS)
    reports: list[CheckReport | QuestionReport] = []
    if tells:
        reports.append(check(read_dataset(root), tokenizer, minimum_count, open_images))
    if asks:
        dataset = read_questions(root)
        opened = {one.image for report in reports if open_images for one in report.dataset.examples}
        again = not opened or not {one.image for one in dataset.examples} <= opened
        report = check_questions(dataset, tokenizer, minimum_count, open_images and again)
        reports.append(replace(report, images_opened=open_images))
    return reports


def _has_captions(root: Path) -> bool:
    return any(path.stem.lower() == "captions" for path in find_tables(root))
