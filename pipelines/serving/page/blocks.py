"""The components of the page, which event calls what, and the application that serves them."""

import asyncio
import contextlib
import datetime
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from fastapi import FastAPI
from starlette.types import ASGIApp

from pipelines.evaluation.reports.figures import thumbnail_uri
from pipelines.serving.page.html import examples_html, hint_html
from pipelines.serving.page.uploads import Uploads
from pipelines.serving.service import ServedModel, Service

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[2]
EXAMPLES = (_ROOT / "docs" / "images" / "painted", _ROOT / "data" / "samples" / "shapes" / "images")
"""Folders of example pictures; they are there in a copy of the project, not where only its packages are installed."""
_SHOWN = 4  # examples of each folder
_SWEEP = 30.0  # seconds between two looks for what is to be deleted
_SESSIONS = 64  # browsers whose last results gradio keeps in memory
_AT_ONCE = 16  # events that run; those of the service wait in its queue


class Page:
    """The page: an ASGI application, and what has to run beside it.

    Args:
        service: the models.
        examples: files of example pictures; by default some of `EXAMPLES`.
        keep: see `Uploads`.

    Raises:
        ImportError: gradio is not installed.
    """

    def __init__(self, service: Service, examples: Sequence[Path] | None = None, keep: float = 300.0):
        import gradio

        from pipelines.serving.page.events import PageEvents
        from pipelines.serving.page.gate import PageGate

        self.uploads = Uploads(keep, service.limits.uploads)
        os.environ["GRADIO_TEMP_DIR"] = str(self.uploads.folder)  # gradio reads it when its components are made
        examples = example_pictures() if examples is None else list(examples)
        blocks = _blocks(service, PageEvents(service, self.uploads, examples))
        blocks.state_session_capacity = _SESSIONS
        blocks.queue(max_size=service.limits.queue, default_concurrency_limit=_AT_ONCE, api_open=False)
        self._blocks, self._gradio = blocks, FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        gradio.mount_gradio_app(
            self._gradio, blocks, path="/", footer_links=[], run_history=False, show_error=False, ssr_mode=False,
            max_file_size=service.limits.body, enable_monitoring=False, pwa=False, mcp_server=False,
            favicon_path=str(_HERE / "icon.svg"), css=(_HERE / "page.css").read_text("utf-8"),
            theme=gradio.themes.Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
        )  # fmt: skip
        self.app: ASGIApp = PageGate(self._gradio, self.uploads, len(blocks.fns), service.limits.upload)

    @contextlib.asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        """While the service runs: gradio's queue, and the deletion of what browsers sent."""
        async with self._gradio.router.lifespan_context(self._gradio):
            sweeping = asyncio.create_task(self._sweep())
            try:
                yield
            finally:
                sweeping.cancel()
                self.close()

    def close(self) -> None:
        """Deletes all that browsers sent."""
        self.uploads.close()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(min(_SWEEP, self.uploads.keep / 2))
            await asyncio.to_thread(self.uploads.sweep)
            self.forget()

    def forget(self) -> None:
        """Drops what gradio keeps of browsers that did nothing for as long: their last results, with pictures."""
        sessions, now = self._blocks.state_holder, datetime.datetime.now()
        for name, used in list(sessions.time_last_used.items()):
            if (now - used).total_seconds() > self.uploads.keep:
                with sessions.lock:
                    sessions.session_data.pop(name, None)
                    sessions.time_last_used.pop(name, None)


def example_pictures() -> list[Path]:
    """The example pictures that this copy of the project has."""
    return [path for folder in EXAMPLES if folder.is_dir() for path in sorted(folder.glob("*.[jp][pn]g"))[:_SHOWN]]


_CHOOSE = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-number]');
  if (button) trigger('click', {number: Number(button.dataset.number)});
});
"""
_SLIDE = """
const show = (number) => {
  element.querySelectorAll('.frames img').forEach((image, index) => { image.hidden = index !== number; });
  element.querySelectorAll('.chips button').forEach((chip, index) => {
    chip.setAttribute('aria-pressed', index === number);
    if (index === number) element.querySelector('input').setAttribute('aria-valuetext', chip.textContent);
  });
};
element.addEventListener('input', (event) => {
  if (event.target.matches('input[type=range]')) show(Number(event.target.value));
});
element.addEventListener('click', (event) => {
  const chip = event.target.closest('.chips button');
  if (!chip) return;
  element.querySelector('input').value = chip.dataset.number;
  show(Number(chip.dataset.number));
});
"""


def _blocks(service: Service, events):
    import gradio as gr

    kinds = {model.kind for model in service.models.values()}
    with gr.Blocks(title="captioner", analytics_enabled=False, fill_width=False) as blocks:
        gr.HTML("<header><h1>captioner</h1><p>Captions of pictures, and answers to questions about them.</p></header>")
        with gr.Tabs():
            picture = asked = None
            if "captioner" in kinds:
                with gr.Tab("Caption", id="caption"):
                    picture = _caption_tab(service, events)
            if "visual_qa" in kinds:
                with gr.Tab("Questions", id="questions"):
                    asked = _questions_tab(service, events)
            if "captioner" in kinds:
                with gr.Tab("Many pictures", id="many"):
                    _many_tab(service, events)
        if picture is not None and asked is not None:  # one asks about the picture that was captioned
            picture.change(None, picture, asked, js="(picture) => picture", queue=False, api_visibility="private")
    return blocks


def _caption_tab(service: Service, events):
    import gradio as gr

    from pipelines.serving.page.events import BEFORE_CAPTION, CONTROLS

    model = service.named(None, "captioner")
    with gr.Row(equal_height=False):
        with gr.Column(min_width=300):
            picture = _picture_input("caption-picture")
            _examples(events, picture)
            chosen = _model_choice(service, "captioner", "caption-model")
            with gr.Accordion("How it writes", open=False, elem_id="controls"):
                controls = _controls(model)
                again = gr.Button("Write again", variant="primary", elem_id="again")
        with gr.Column(min_width=300):
            caption = gr.HTML(hint_html(BEFORE_CAPTION), elem_id="caption-text")
            candidates = gr.HTML(elem_id="caption-candidates")
            attention = gr.HTML(elem_id="caption-attention", js_on_load=_SLIDE)
    inputs = [picture, chosen, *(controls[name] for name in CONTROLS)]
    texts = [controls[name].submit for name in ("force_words", "bad_words")]
    gr.on(
        [picture.change, again.click, *texts], events.caption, inputs, [caption, candidates, attention],
        preprocess=False, show_progress="minimal", trigger_mode="always_last", api_visibility="private",
    )  # fmt: skip
    chosen.change(
        events.settings, chosen, list(controls.values()), preprocess=False, show_progress="hidden",
        api_visibility="private",
    )  # fmt: skip
    return picture


def _controls(model: ServedModel) -> dict:
    """Components of the options, by name, in the order in which people see them."""
    import gradio as gr

    from pipelines.serving.page.events import CONTROLS, default_controls

    value = dict(zip(CONTROLS, default_controls(model), strict=True))

    def slider(name: str, label: str, low: float, high: float, step: float = 1):
        return gr.Slider(low, high, value[name], step=step, label=label, elem_id=f"control-{name}")

    def text(name: str, label: str, example: str):
        return gr.Textbox(
            value[name], label=label, placeholder=example, lines=1, max_lines=1, elem_id=f"control-{name}"
        )

    controls = {
        "candidates": slider("candidates", "Candidates", 1, 10),
        "num_beams": slider("num_beams", "Beams of the search", 1, 10),
        "num_beam_groups": slider("num_beam_groups", "Groups of beams that are to differ", 1, 10),
        "diversity_penalty": slider("diversity_penalty", "How much groups differ", 0, 3, 0.1),
        "length_penalty": slider("length_penalty", "Length penalty (0 likes short captions)", 0, 2, 0.1),
        "min_words": slider("min_words", "At least so many words", 1, 20),
        "max_words": slider("max_words", "At most so many words", 1, max(30, value["max_words"])),
        "no_repeat_ngram_size": slider("no_repeat_ngram_size", "So many words in a row never twice (0: any)", 0, 5),
        "force_words": text("force_words", "Words that have to occur", "dog, red ball"),
        "bad_words": text("bad_words", "Words that must not occur", "grass"),
        "do_sample": gr.Checkbox(value["do_sample"], label="Sample words at random", elem_id="control-do_sample"),
    }
    with gr.Group(visible=value["do_sample"], elem_id="sampling") as sampling:
        controls |= {
            "temperature": slider("temperature", "Temperature", 0, 2, 0.1),
            "top_k": slider("top_k", "From the likeliest words (0: all)", 0, 100),
            "top_p": slider("top_p", "From words with this share of the probability", 0.05, 1, 0.05),
            "seed": gr.Number(value["seed"], label="Seed", precision=0, elem_id="control-seed"),
        }
    controls["do_sample"].change(
        lambda sample: gr.update(visible=sample is True), controls["do_sample"], sampling, preprocess=False,
        show_progress="hidden", queue=True, api_visibility="private",
    )  # fmt: skip
    return controls


def _questions_tab(service: Service, events):
    import gradio as gr

    from pipelines.serving.page.events import BEFORE_ANSWER

    keras = service.named(None, "visual_qa").source.keras
    with gr.Row(equal_height=False):
        with gr.Column(min_width=300):
            picture = _picture_input("question-picture")
            _examples(events, picture)
            chosen = _model_choice(service, "visual_qa", "question-model")
        with gr.Column(min_width=300):
            question = gr.Textbox(
                label="Question", placeholder="what is on the table?", max_lines=1, elem_id="question"
            )
            choices = gr.Textbox(
                label="Choices, if the answer is one of a few", placeholder="lamp, cup, book", max_lines=1,
                elem_id="choices",
            )  # fmt: skip
            attention = gr.Checkbox(keras, label="Show where it looked", visible=keras, elem_id="question-attention")
            ask = gr.Button("Ask", variant="primary", elem_id="ask")
            answers = gr.HTML(hint_html(BEFORE_ANSWER), elem_id="answers")
            maps = gr.HTML(elem_id="answer-attention", js_on_load=_SLIDE)
    gr.on(
        [ask.click, question.submit, choices.submit], events.answer, [picture, chosen, question, choices, attention],
        [answers, maps], preprocess=False, show_progress="minimal", trigger_mode="always_last",
        api_visibility="private",
    )  # fmt: skip
    return picture


def _many_tab(service: Service, events) -> None:
    import gradio as gr

    files = gr.File(
        label="Pictures", file_count="multiple", file_types=["image"], height=180, elem_id="many-files"
    )  # fmt: skip
    chosen = _model_choice(service, "captioner", "many-model")
    write = gr.Button("Write captions", variant="primary", elem_id="many-write")
    download = gr.HTML(elem_id="many-download")
    table = gr.HTML(elem_id="many-table")
    write.click(
        events.caption_many, [files, chosen], [table, download], preprocess=False, show_progress="minimal",
        api_visibility="private",
    )  # fmt: skip


def _picture_input(name: str):
    import gradio as gr

    return gr.Image(
        type="filepath", image_mode=None, label="Picture", sources=["upload", "webcam", "clipboard"], height=300,
        buttons=[], elem_id=name,
    )  # fmt: skip


def _examples(events, picture) -> None:
    """A row of example pictures that are chosen with a click or a key."""
    import gradio as gr

    if events.examples:
        shown = [(path.stem.replace("_", " "), thumbnail_uri(path, 96, 70)) for path in events.examples]
        row = gr.HTML(examples_html(shown), js_on_load=_CHOOSE)

        async def chosen(event: gr.EventData):
            return await events.example(getattr(event, "number", None))

        row.click(chosen, None, picture, show_progress="hidden", api_visibility="private")


def _model_choice(service: Service, kind: str, name: str):
    """Which model; hidden where there is only one."""
    import gradio as gr

    names = [model.name for model in service.models.values() if model.kind == kind]
    return gr.Dropdown(names, value=names[0], label="Model", visible=len(names) > 1, elem_id=name)
