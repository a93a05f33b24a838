"""Folders of exported models: what `captioner export` writes and `load_export` reads.

export.json         what the model is and how its networks go together; nothing in it is executed
vocabulary.txt      the words in id order
answers.txt         the answers in the order of their numbers, of a model that chooses from a list
*.onnx | *.xml + *.bin | saved_model/     the networks
README.md           a card: where the model comes from, and how far it differs from the original
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from captioner.errors import UserError
from captioner.images.decode import PREPROCESSING, ImageSpec
from captioner.settings import CaptionerSettings, Pixels, Settings, VisualQASettings
from captioner.text.answers import AnswerList
from captioner.text.files import checksum, read_text
from captioner.text.vocabulary import Vocabulary

EXPORT, VOCABULARY, ANSWERS, CARD = "export.json", "vocabulary.txt", "answers.txt", "README.md"
FORMAT = 1


class ImageInput(Settings):
    """The pixels that the network takes: see `ImageSpec`."""

    height: Pixels = Field(description="in pixels")
    width: Pixels = Field(description="in pixels")
    preprocessing: Literal[tuple(PREPROCESSING)] = Field(description="see `ImageSpec`")

    @property
    def spec(self) -> ImageSpec:
        return ImageSpec(self.height, self.width, self.preprocessing)


class ExportConfig(Settings):
    """What `export.json` holds; the preset's own settings say what it was and how it searches."""

    format: int = Field(FORMAT, description="of the folder")
    engine: Literal["onnx", "openvino", "savedmodel"] = Field(description="what runs the networks")
    precision: Literal["float32", "int8"] = Field("float32", description="of the frozen network")
    settings: CaptionerSettings | VisualQASettings = Field(discriminator="kind", description="of the preset")
    image: ImageInput = Field(description="what the network sees")
    grid: tuple[int, int] | None = Field(None, description="(h, w) of the image's positions")
    source: dict[str, str] = Field({}, description="name -> checksum of the preset's files")
    checksums: dict[str, str] = Field({}, description="of the other files of the folder")


@dataclass(frozen=True)
class Export:
    """An exported model whose files were checked."""

    folder: Path
    config: ExportConfig
    vocabulary: Vocabulary
    answers: AnswerList | None


def read_export(folder: str | Path) -> Export:
    """Reads and checks everything but the networks.

    Raises:
        UserError: it is no export; a file is missing, damaged or from another export; or it is of another version.
    """
    folder = Path(folder)
    path = folder / EXPORT
    try:
        if not path.is_file():  # a pipe would be waited for
            raise UserError("no file")
        text = read_text(path)
    except UserError:
        raise UserError(f"{folder} is no exported model: it has no {EXPORT} that can be read.") from None
    try:
        config = ExportConfig.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise UserError(
            f"{path} is damaged, or another version of captioner wrote it ({where}: {first['msg']}). Export the model "
            "again."
        ) from None
    if config.format != FORMAT:
        raise UserError(
            f"{path} has format {config.format}; this version reads format {FORMAT}. Export the model again."
        )
    for name, expected in config.checksums.items():
        if ".." in Path(name).parts or Path(name).is_absolute():
            raise UserError(f"{path} names the file {name!r}, which is outside of the folder.")
        try:
            actual = checksum(folder / name)
        except UserError:
            raise
        except (OSError, ValueError):  # ValueError: a zero byte in the name
            raise UserError(f"{folder / name} is missing; the exported model cannot be used without it.") from None
        if actual != expected:
            raise UserError(
                f"{folder / name} is damaged or belongs to another export: its checksum is not the one in {EXPORT}. "
                "Export the model again."
            )
    vocabulary = Vocabulary.load(folder / VOCABULARY, tokenizer=config.settings.text.tokenizer)
    answers = AnswerList.load(folder / ANSWERS) if ANSWERS in config.checksums else None
    return Export(folder, config, vocabulary, answers)
