"""The jobs as single calls."""

from pipelines.inference.jobs.answering import AskJob, AskOptions
from pipelines.inference.jobs.captioning import CaptionJob, CaptionOptions
from pipelines.inference.jobs.scoring import ScoreJob
from pipelines.inference.runners.local import run_job


def caption_images(paths, captioner, output=None, *, model="", options=None, **callbacks):
    return run_job(CaptionJob(paths, captioner, options or CaptionOptions(), model), output, **callbacks)


def answer_questions(questions, model, output=None, *, made_with=None, options=None, **callbacks):
    return run_job(AskJob(questions, model, options or AskOptions(), made_with), output, **callbacks)


def score_rows(rows, captioner, output=None, *, on_record=lambda record: None, **options):
    return run_job(ScoreJob(rows, captioner, **options), output, on_record=on_record)
