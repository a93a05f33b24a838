"""What every data set must be (`check_dataset`), and tiny ones in the real layouts (`LAYOUTS`)."""

import io
import json
import os
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

from hypothesis import settings
from PIL import Image

from captioner.images.files import holding_file
from captioner.text.answers import plain
from pipelines.data.datasets import clips, shapes
from pipelines.data.examples import CaptionExample, DataSet, QuestionExample


def check_dataset(dataset: DataSet):
    """Ids are unique and name the image, files exist, no image is in two splits, texts are clean and not
    empty."""
    assert dataset.examples, "there is nothing to train on"
    ids = [example.id for example in dataset.examples]
    assert len(set(ids)) == len(ids), "two examples share an id: predictions would overwrite each other"
    splits: dict[str, set[str]] = {}
    for example in dataset.examples:
        assert os.path.isfile(holding_file(example.image)), f"{example.image} is not there: training would stop at it"
        assert example.split, f"{example.id} is in no split"
        for text in (example.id, example.split, str(example.source_id)):
            text.encode("utf-8")  # or it could not be written again
        splits.setdefault(os.path.realpath(example.image), set()).add(example.split)
        if isinstance(example, CaptionExample):
            assert str(dataset.root / example.id) == str(example.image), f"{example.id} is not {example.image}"
            assert not Path(example.id).is_absolute() and "\\" not in example.id, "the id is not a portable path"
            assert example.captions, f"{example.id} has no caption"
            for caption in example.captions:
                assert caption == caption.strip() != "" and "\n" not in caption, f"unclean caption {caption!r}"
                caption.encode("utf-8")  # or it could not be written again
        else:
            check_question(dataset, example)
    leaks = {image: found for image, found in splits.items() if len(found) > 1}
    assert not leaks, f"images in more than one split: scores would be too good: {leaks}"
    for problem in dataset.problems:
        assert "\n" not in str(problem), "a problem must be one line, or `captioner check` cannot be searched"
    assert sum(dataset.splits().values()) == len(dataset.examples)


def check_question(dataset: DataSet, example: QuestionExample):
    """A question is clean, answered unless its whole split is not, and has no choice or several different ones."""
    name, _, number = example.id.rpartition("#")
    assert str(dataset.root / name) == str(example.image) and number.isdigit(), f"{example.id} is not {example.image}"
    assert example.question.strip("? "), f"{example.id} asks nothing"
    assert example.answers or not any(one.answers for one in dataset.split(example.split)), "one without an answer"
    assert len(set(map(plain, example.choices))) == len(example.choices) != 1, f"choices {example.choices}"
    for text in (example.type, example.answer_type):
        text.encode("utf-8")
    for text in (example.question, *example.answers, *example.choices):
        assert text == " ".join(text.split()) != "", f"unclean text {text!r}"
        text.encode("utf-8")  # or it could not be written again


def draw_image(path: Path, shade: int = 0):
    """A small JPEG or PNG whose content depends on `shade`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (shade % 256, 128, 255 - shade % 256)).save(path)


def picture_bytes(shade: int = 0, format: str = "PNG") -> bytes:
    """What `draw_image` writes."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (shade % 256, 128, 255 - shade % 256)).save(buffer, format)
    return buffer.getvalue()


def write_tar(path: Path, members: Sequence[tuple[str, bytes | str] | tarfile.TarInfo]) -> Path:
    """A tar of files with these names and contents, and of members of other kinds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
                continue
            name, content = member
            content = content.encode("utf-8") if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def write_images_parquet(path: Path, images: Sequence[bytes | None], paths=None, rows: int = 2, **columns) -> Path:
    """A parquet file with images `{bytes, path}` and other columns, so many rows a row group."""
    import pyarrow
    import pyarrow.parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    kind = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    pairs = zip(images, paths or [None] * len(images), strict=True)
    column = pyarrow.array([{"bytes": image, "path": name} for image, name in pairs], kind)
    pyarrow.parquet.write_table(pyarrow.table({"image": column, **columns}), path, row_group_size=rows)
    return path


def reader_examples() -> int:
    """How many examples a search through what a reader may meet takes: `make test-all` searches for longest."""
    usual = settings.default.max_examples
    return 2_000 if usual >= 400 else usual


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


def make_flickr8k(root: Path):
    """Token file and two of the three lists; c.jpg is the test image, whose list is missing."""
    for shade, name in enumerate(("a", "b", "c")):
        draw_image(root / f"Flicker8k_Dataset/{name}.jpg", shade)
    tokens = [f"{name}.jpg#{n}\tA dog number {n} runs ." for name in ("a", "b", "c") for n in range(5)]
    write(root / "Flickr8k.token.txt", "\n".join(tokens) + "\n")
    write(root / "Flickr_8k.trainImages.txt", "a.jpg\n")
    write(root / "Flickr_8k.devImages.txt", "b.jpg\n")


def make_flickr30k(root: Path):
    for shade, name in enumerate(("1", "2", "3")):
        draw_image(root / f"flickr30k-images/{name}.jpg", shade)
    rows = [f"{name}.jpg| {n}| A cat number {n} , asleep ." for name in ("1", "2", "3") for n in range(5)]
    write(root / "results.csv", "\n".join(["image_name| comment_number| comment", *rows]) + "\n")
    write(root / "train.txt", "1\n")
    write(root / "val.txt", "2\n")
    write(root / "test.txt", "3.jpg\n")


def make_coco(root: Path):
    number = 0
    for split, images in {"train": (9, 25), "val": (42,)}.items():
        names = {image: f"COCO_{split}2014_{image:012}.jpg" for image in images}
        annotations = []
        for image, name in names.items():
            draw_image(root / f"{split}2014/{name}", image)
            for _ in range(2):
                number += 1
                annotations.append({"image_id": image, "id": number, "caption": f"Bread on table {number}.\n"})
        content = {
            "info": {},
            "images": [{"license": 1, "file_name": name, "id": image} for image, name in names.items()],
            "licenses": [],
            "annotations": annotations,
        }
        write(root / f"annotations/captions_{split}2014.json", json.dumps(content))


def make_karpathy(root: Path):
    images = []
    for number, split in enumerate(("train", "restval", "val", "test")):
        folder = "train2014" if split == "train" else "val2014"
        name = f"COCO_{folder}_{number:012}.jpg"
        draw_image(root / folder / name, number)
        sentences = [{"tokens": ["a", "man"], "raw": f"A man {n}.", "imgid": number, "sentid": n} for n in range(2)]
        image = {
            "filepath": folder,
            "filename": name,
            "imgid": number,
            "cocoid": 100 + number,
            "split": split,
        }
        images.append({**image, "sentids": [0, 1], "sentences": sentences})
    write(root / "dataset_coco.json", json.dumps({"images": images, "dataset": "coco"}))


CANNED = "Quality issues are too severe to recognize visual content."


def make_vizwiz(root: Path):
    """Rejected and canned captions, an image that has no others, blanks at the ends, a test split without captions."""
    number = 0
    for split, images in {"train": 3, "val": 1, "test": 1}.items():
        names = [f"VizWiz_{split}_{image:08}.jpg" for image in range(images)]
        annotations = []
        for image, name in enumerate(names):
            draw_image(root / split / name, 10 * image + len(split))
            for caption in (f" A can of soup {image}.", "A can\nof soup on a table. ", CANNED, "asdf"):
                kinds = {"is_precanned": caption == CANNED or image == 2, "is_rejected": caption == "asdf"}
                annotations.append(
                    {"caption": caption, "image_id": image, **kinds, "id": number, "text_detected": True}
                )
                number += 1
        content = {
            "info": {"description": "This dataset contains crowdsourced captions of images from VizWiz datasets."},
            "images": [
                {"file_name": name, "vizwiz_url": f"https://vizwiz.example/{name}", "id": image, "text_detected": True}
                for image, name in enumerate(names)
            ],
        }
        if split != "test":
            content["annotations"] = annotations
        write(root / f"annotations/{split}.json", json.dumps(content))


def make_textcaps(root: Path):
    """An entry a caption, each with all captions of its image, some alike; val beside train; test without captions."""
    for split, images in {
        "train": ("0054c91397f2fe05", "006d10667d17b924"),
        "val": ("0fb0",),
        "test": ("00ff",),
    }.items():
        rows = []
        for image in images:
            draw_image(root / ("test_images" if split == "test" else "train_images") / f"{image}.jpg", len(rows) + 3)
            captions = [f"A sign that says {image[:4]}.", "A sign on a wall", "A sign on a wall", " a yellow sign "]
            same = {"image_id": image, "image_name": image, "image_path": f"{split}/{image}.jpg", "set_name": split}
            if split == "test":
                rows.append(same)
            else:
                more = {"reference_strs": captions, "reference_tokens": [text.lower().split() for text in captions]}
                rows += [{**same, "caption_str": text, "caption_id": n, **more} for n, text in enumerate(captions)]
        content = {"dataset_type": split, "dataset_name": "textcaps", "dataset_version": "0.1", "data": rows}
        write(root / f"TextCaps_0.1_{split}.json", json.dumps(content))


def make_imagefolder(root: Path):
    """Split folders in any case, one with csv and one with jsonl; fewer captions than columns for one image."""
    for shade, name in enumerate(("train/0.png", "train/more/1.png", "Validation/0.png", "test/2.jpg")):
        draw_image(root / name, shade)
    rows = ["file_name,caption_0,caption_1", "0.png,A dog.,A brown dog.", "more/1.png,A cat.,"]
    write(root / "train/metadata.csv", "\n".join(rows) + "\n")
    write(root / "Validation/metadata.jsonl", '{"file_name": "0.png", "text": "Two people."}\n')
    write(root / "test/metadata.jsonl", '{"file_name": "2.jpg", "captions": ["A boat.", "A boat."]}\n')


def make_table(root: Path):
    for shade, name in enumerate(("a.jpg", "holiday/b.png", "c.jpg")):
        draw_image(root / "images" / name, shade)
    rows = ["image,caption,split", "a.jpg,A dog.,train", 'a.jpg,"A dog, brown.",train']
    write(root / "captions.csv", "\n".join([*rows, "holiday/b.png,Two people.,val", "c.jpg,A boat.,test"]))


def make_sidecar(root: Path):
    """Texts of either kind, one of two lines, one of an image that keeps its ending, and a page about the folder."""
    for shade, name in enumerate(("train/a.jpg", "train/b.png", "train/b.jpg", "Val/c.jpg", "test/more/d.JPG")):
        draw_image(root / name, shade)
    write(root / "train/a.txt", "A dog.\nA brown dog.\n")
    write(root / "train/b.png.txt", "A cat.\n")
    write(root / "train/b.jpg.txt", "A grey cat.\n")
    write(root / "train/README.txt", "Photographs of animals.\n")
    write(root / "Val/c.caption", "Two people.")
    write(root / "test/more/d.TXT", "A boat.\n")


def make_webdataset(root: Path):
    """Shards in folders and with names of splits: texts of all kinds, and what macOS puts beside files."""
    members = [
        ("./0001.jpg", picture_bytes(1, "JPEG")), ("./0001.txt", "A dog.\nA brown dog.\n"),
        ("./._0001.jpg", b"\0\5\26\7"), ("./more/2.PNG", picture_bytes(2)),
        ("./more/2.json", json.dumps({"key": "2", "caption": "A cat.", "width": 8})), ("./more/2.txt", "A cat."),
    ]  # fmt: skip
    write_tar(root / "flowers-train-000000.tar", members)
    boat = [
        ("k.json", json.dumps({"captions": ["A boat.", "A boat."], "image_id": 7})),
        ("k.webp", picture_bytes(3, "WEBP")),
    ]
    write_tar(root / "VAL/000.tar", boat)
    write_tar(root / "test.tar", [("a.b.jpg", picture_bytes(4, "JPEG")), ("a.b.caption", "Two people.")])


def make_parquet(root: Path):
    """Files in folders and with names of splits; captions as texts, lists and objects; one image in two rows."""
    write_images_parquet(
        root / "data/train-00000-of-00002.parquet",
        [picture_bytes(1), picture_bytes(2), picture_bytes(2)],
        ["1.png", "0.png", "0.png"],
        IMAGE_ID=[7, 8, 8],
        Caption=["A dog.", "A cat.", "A grey cat."],
    )
    write_images_parquet(
        root / "data/train-00001-of-00002.parquet", [picture_bytes(3)], captions=[["A boat.", "A boat."]]
    )
    sentences = [[{"raw": "Two people.", "tokens": ["two", "people"]}]]
    write_images_parquet(root / "Validation/0.parquet", [picture_bytes(4)], ["0.png"], sentences=sentences)
    write_images_parquet(root / "TEST.parquet", [picture_bytes(5)], text=["A tree."])


def make_shapes(root: Path):
    shapes.draw(root, seed=0, sizes={"train": 3, "dev": 1, "test": 1, "novel": 1})


def make_clips(root: Path):
    clips.draw(root, seed=0, sizes={"train": 2, "dev": 1, "test": 1}, image_size=32)


ARCHIVES = ("parquet", "webdataset")  # layouts whose images are no files of their own

# Layout -> what makes it, and the annotation files that a stranger may have damaged.
LAYOUTS: dict[str, tuple[Callable[[Path], None], tuple[str, ...]]] = {
    "shapes": (make_shapes, ("captions.jsonl", "scenes.jsonl")),
    "clips": (make_clips, ("captions.jsonl",)),
    "flickr8k": (make_flickr8k, ("Flickr8k.token.txt", "Flickr_8k.trainImages.txt")),
    "flickr30k": (make_flickr30k, ("results.csv", "val.txt")),
    "coco": (make_coco, ("annotations/captions_val2014.json",)),
    "karpathy": (make_karpathy, ("dataset_coco.json",)),
    "vizwiz": (make_vizwiz, ("annotations/val.json",)),
    "textcaps": (make_textcaps, ("TextCaps_0.1_train.json",)),
    "imagefolder": (make_imagefolder, ("train/metadata.csv", "test/metadata.jsonl")),
    "parquet": (make_parquet, ()),
    "webdataset": (make_webdataset, ()),
    "table": (make_table, ("captions.csv",)),
    "sidecar": (make_sidecar, ("train/a.txt", "Val/c.caption")),
}
