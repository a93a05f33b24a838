"""`captioner language sample`: a text that appears as it is sampled."""

from pathlib import Path
from typing import TextIO

from captioner.models.language.language_model import LanguageModel
from pipelines.utils.console import printable


def stream_sample(
    run: Path, length: int, prompt: str, temperature: float, top_k: int, top_p: float, seed: int, out: TextIO
) -> None:
    """Writes a sample to `out` piece by piece.

    Characters that would move the cursor or colour the terminal are shown as escapes.

    Raises:
        UserError: see `LanguageModel.from_preset` and `LanguageModel.stream`.
    """
    model = LanguageModel.from_preset(run)
    for piece in model.stream(length, prompt=prompt, temperature=temperature, top_k=top_k, top_p=top_p, seed=seed):
        encoding = out.encoding or "utf-8"
        out.write(printable(piece, keep="\n\t").encode(encoding, "backslashreplace").decode(encoding))
        out.flush()
    out.write("\n")
    out.flush()
