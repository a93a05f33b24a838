"""Tiny sets of questions in the real layouts (`QUESTION_LAYOUTS`), written for the tests."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.support_datasets import draw_image, make_shapes, picture_bytes, write, write_images_parquet, write_tar

# Ten people to a question, as published: normalised, not always of one mind.
TEN = ["yes"] * 7 + ["no"] * 2 + ["maybe"]
CHOICES = ["yes", "no", "maybe", *map(str, range(4)), "red", "blue", "white", "on", "in", "dog", "cat", "left",
           "right", "tennis", "frisbee"]  # fmt: skip


def make_easy_vqa(root: Path):
    """As in the package: rows of question, answer and number of the picture; and the list of answers."""
    for split, count in (("train", 3), ("test", 2)):
        rows = []
        for number in range(count):
            draw_image(root / f"data/{split}/images/{number}.png", 10 * number + len(split))
            rows += [["what color is the shape?", "teal", number], ["is there not a red shape?", "yes", number]]
            rows += [["what shape does the image contain?", "circle", number]]
        write(root / f"data/{split}/questions.json", json.dumps(rows))
    write(root / "data/answers.txt", "circle\nteal\nyes\nno\n")


def make_daquar(root: Path):
    """Pairs, as published: lower case, blanks before the question mark, sets with commas, underscores."""
    for number in (3, 12, 366):
        draw_image(root / f"images/image{number}.jpg", number)
    train = [
        "what is on the desk in the image3 ?", "book, scissor, papers, tape_dispenser",
        "how many bottles are on the desk in the image3 ?", "11",
        "what color is the chair in front of the wall in the image3 ?", "red",
        "what is on the left side of the image366 ?", "garbage_bin",
    ]  # fmt: skip
    write(root / "qa.894.raw.train.txt", "\n".join(train) + "\n")
    write(root / "qa.894.raw.test.txt", "what is behind the sofa in the image12 ?\nlamp\n")


def make_daquar_37(root: Path):
    """The reduced set: pairs for training, triples for the test, png images under their published folder."""
    for number in (3, 12):
        draw_image(root / f"nyu_depth_images/image{number}.png", number)
    write(root / "qa.37.raw.train.txt", "what is on the desk in the image3 ?\nlamp, books\n")
    triples = ["what is behind the sofa in the image12 ?", "window", "image12.png"]
    write(root / "qa.37.raw.reduced.test.format_triple", "\n".join(triples) + "\n")


def _vqa(root: Path, prefix: str, subset: str, folder: str, images: tuple[int, ...], annotated: bool = True):
    questions, annotations = [], []
    for image in images:
        draw_image(root / folder / f"COCO_{folder}_{image:012}.jpg", image)
        for number in range(3):
            question = {"image_id": image, "question": f"Is it number {number}?", "question_id": image * 10 + number}
            questions.append(question)
            answers = [{"answer": a, "answer_confidence": "yes", "answer_id": n} for n, a in enumerate(TEN, 1)]
            annotations.append({
                "question_type": "is it", "multiple_choice_answer": "yes", "answers": answers, "image_id": image,
                "answer_type": "yes/no", "question_id": question["question_id"],
            })  # fmt: skip
    head = {"info": {"version": "2.0"}, "data_type": "mscoco", "data_subtype": folder, "license": {}}
    content = {**head, "task_type": "Open-Ended", "questions": questions}
    write(root / f"{prefix}OpenEnded_mscoco_{subset}_questions.json", json.dumps(content))
    if annotated:
        content = {**head, "annotations": annotations}
        write(root / f"{prefix}mscoco_{subset}_annotations.json", json.dumps(content))
    return questions


def make_vqa(root: Path):
    """Version 2, with a test split whose answers are withheld."""
    _vqa(root, "v2_", "train2014", "train2014", (9, 25))
    _vqa(root, "v2_", "val2014", "val2014", (42,))
    _vqa(root, "v2_", "test2015", "test2015", (1,), annotated=False)


def make_vqa_1(root: Path):
    """Version 1: the same questions once more with eighteen choices."""
    for subset, images in {"train2014": (9, 25), "val2014": (42,)}.items():
        questions = _vqa(root, "", subset, subset, images)
        content = {"questions": [{**row, "multiple_choices": CHOICES} for row in questions]}
        write(root / f"MultipleChoice_mscoco_{subset}_questions.json", json.dumps(content))


def make_ok_vqa(root: Path):
    """Called as VQA v1: stemmed answers beside raw ones, kinds of knowledge by number, no agreed answer."""
    for subset, images in {"train2014": (9, 25), "val2014": (42,)}.items():
        questions, annotations = [], []
        for image in images:
            draw_image(root / subset / f"COCO_{subset}_{image:012}.jpg", image)
            question = {"image_id": image, "question": "What sport is this?", "question_id": image * 10 + 5}
            questions.append(question)
            answers = [
                {"answer_id": n, "raw_answer": raw, "answer_confidence": "yes", "answer": raw.removesuffix("ing")}
                for n, raw in enumerate(["racing"] * 6 + ["motocross"] * 4, 1)
            ]
            same = {"image_id": image, "question_id": image * 10 + 5, "answer_type": "other"}
            annotations.append({**same, "question_type": "four", "answers": answers, "confidence": 3})
        head = {"info": {"version": "1.1"}, "data_type": "mscoco", "data_subtype": subset, "license": {}}
        content = {**head, "task_type": "Open-Ended", "questions": questions}
        write(root / f"OpenEnded_mscoco_{subset}_questions.json", json.dumps(content))
        content = {**head, "annotations": annotations, "question_types": {"four": "Sports and Recreation"}}
        write(root / f"mscoco_{subset}_annotations.json", json.dumps(content))


def make_a_okvqa(root: Path):
    """Images of 2017 and one under its name of 2014; ten direct answers, of which the right choice need not be one."""
    names = {"train": ("train2017/000000000009.jpg", "train2014/COCO_train2014_000000000025.jpg"),
             "val": ("val2017/000000000042.jpg",), "test": ("test2017/000000000001.jpg",)}  # fmt: skip
    for split, images in names.items():
        rows = []
        for number, name in enumerate(images):
            draw_image(root / name, len(name) + number)
            row = {"split": split, "image_id": int(name[-16:-4]), "question_id": f"22MexNk{split}{number}",
                   "question": "What is the man by the bags awaiting?", "difficult_direct_answer": number == 1,
                   "choices": ["skateboarder", "train", "delivery", "cab"]}  # fmt: skip
            if split != "test":
                row |= {"correct_choice_idx": 3, "direct_answers": ["ride"] * 8 + ["bus", "taxi"]}
                row |= {"rationales": ["A train would not be on the street.", "He has bags.", "He looks for a cab."]}
            rows.append(row)
        write(root / f"aokvqa_v1p0_{split}.json", json.dumps(rows))


def make_vizwiz_vqa(root: Path):
    """Ten answers of many minds, a question that cannot be answered, a test split without answers."""
    for split in ("train", "val", "test"):
        rows = []
        for number, kind in enumerate(("other", "unanswerable") if split == "train" else ("yes/no",)):
            name = f"VizWiz_{split}_{number:08}.jpg"
            draw_image(root / split / name, number + len(split))
            row = {"image": name, "question": "Ok. There is another picture I hope it is a better one."}
            answers = ["unanswerable"] * 6 + ["unsuitable", "unsuitable image", "beets", "bowl"]
            if split != "test":
                given = [{"answer_confidence": "maybe", "answer": text} for text in answers]
                row |= {"answers": given, "answer_type": kind, "answerable": int(kind != "unanswerable")}
            rows.append(row)
        write(root / f"Annotations/{split}.json", json.dumps(rows))


def make_coco_qa(root: Path):
    """Lines that belong together by number, without question marks; test images are those of COCO's val."""
    for split, folder, images in (("train", "train2014", (9, 25)), ("test", "val2014", (42,))):
        for image in images:
            draw_image(root / folder / f"COCO_{folder}_{image:012}.jpg", image)
        numbers = [image for image in images for _ in range(2)]
        for name, lines in {
            "questions": ["what is the color of the boat", "how many dogs are there"] * len(images),
            "answers": ["red", "two"] * len(images),
            "img_ids": map(str, numbers),
            "types": ["2", "1"] * len(images),
        }.items():
            write(root / split / f"{name}.txt", "\n".join(lines) + "\n")


def make_visual7w(root: Path):
    images = []
    for number, split in enumerate(("train", "val", "test"), start=2323050):
        name = f"v7w_{number}.jpg"
        draw_image(root / "images" / name, number)
        pairs = [
            {"image_id": number, "question": "What type of flooring?", "qa_id": number * 10, "type": "what",
             "answer": "Wood.", "multiple_choices": ["Tile.", "Carpet.", "Cement."]},
            {"image_id": number, "question": "Why is it dark?", "qa_id": number * 10 + 1, "type": "why",
             "answer": "It is night.", "multiple_choices": ["The sun set, too.", "Clouds.", "No lamp."]},
        ]  # fmt: skip
        images.append({"qa_pairs": pairs, "image_id": number, "split": split, "filename": name})
    content = {"dataset": "visual7w-telling", "images": images}
    write(root / "dataset_v7w_telling.json", json.dumps(content))


def make_question_table(root: Path):
    for shade, name in enumerate(("a.jpg", "holiday/b.png", "c.jpg")):
        draw_image(root / "images" / name, shade)
    rows = [
        "image,question,answer,choices,split,type",
        "a.jpg,What is it?,dog,dog|cat|cow,train,what",
        '"a.jpg","Where, if at all?","on grass, near a tree",,train,where',
        "holiday/b.png,What is it?,cat,,val,what",
        "c.jpg,Is it red?,yes,yes|no,test,is",
    ]
    write(root / "questions.csv", "\n".join(rows) + "\n")


def make_question_webdataset(root: Path):
    """One question in an object, several in a list, and a test split without answers."""
    one = {"question": "Is it red?", "answers": [{"answer": a, "answer_id": n} for n, a in enumerate(TEN)],
           "question_type": "is it", "answer_type": "yes/no", "question_id": 7, "image_id": 9}  # fmt: skip
    two = [
        {"question": "What is it?", "answer": "dog", "choices": ["dog", "cat"]},
        {"question": "Where?", "answer": "in"},
    ]
    write_tar(root / "train-0.tar", [
        ("a.jpg", picture_bytes(1, "JPEG")), ("a.json", json.dumps(one)),
        ("b.png", picture_bytes(2)), ("b.json", json.dumps({"questions": two})),
    ])  # fmt: skip
    withheld = json.dumps({"question": "Is it blue?", "answers": None, "question_id": 8})
    write_tar(root / "TEST-0.tar", [("c.png", picture_bytes(3)), ("c.json", withheld)])


def make_question_imagefolder(root: Path):
    """Split folders in any case; several answers as a list and in several rows, choices, ids of the data's own."""
    for shade, name in enumerate(("Train/0.png", "Train/more/1.png", "validation/0.png", "TEST/2.jpg")):
        draw_image(root / name, shade)
    rows = ["file_name,question,answer,choices,question_id", "0.png,What is it?,dog,dog|cat,7",
            '0.png,"Where, if at all?",on grass,,8', '0.png,"Where, if at all?",on a lawn,,8',
            "more/1.png,What is it?,cat,,9"]  # fmt: skip
    write(root / "Train/metadata.csv", "\n".join(rows) + "\n")
    write(root / "validation/metadata.csv", "file_name,question,answers\n0.png,Is it red?,yes|no|yes\n")
    row = {"file_name": "2.jpg", "question": "What is it?", "answers": ["boat", "ship"], "question_type": "what"}
    write(root / "TEST/metadata.jsonl", json.dumps(row) + "\n")


def make_question_parquet(root: Path):
    """As lmms-lab's VQAv2: a row a question, ten answers as objects; a test split without answers."""
    ten = [{"answer": answer, "answer_confidence": "yes", "answer_id": n} for n, answer in enumerate(TEN, 1)]
    write_images_parquet(
        root / "data/train-00000-of-00001.parquet", [picture_bytes(1), picture_bytes(1), picture_bytes(2)],
        question=["Is it red?", "Is it blue?", "Where is it?"], answers=[ten, ten, ten[:1]], image_id=[9, 9, 25],
        question_id=[90, 91, 250], question_type=["is it", "is it", "where"], answer_type=["yes/no"] * 2 + ["other"],
        multiple_choice_answer=["yes", "yes", "on"],
    )  # fmt: skip
    write_images_parquet(
        root / "data/test-00000-of-00001.parquet", [picture_bytes(3)], question=["Is it green?"], answers=[None],
        image_id=[42], question_id=[420], multiple_choice_answer=[None],
    )  # fmt: skip
    write_images_parquet(
        root / "data/VAL.parquet",
        [picture_bytes(4)],
        question=["What is it?"],
        answer=["dog"],
        choices=[["dog", "cat"]],
    )


# Layout -> what makes it, and the annotation files that a stranger may have damaged.
QUESTION_LAYOUTS: dict[str, tuple[Callable[[Path], None], tuple[str, ...]]] = {
    "shapes": (make_shapes, ("questions.jsonl",)),
    "easy-vqa": (make_easy_vqa, ("data/train/questions.json",)),
    "daquar": (make_daquar, ("qa.894.raw.train.txt",)),
    "daquar-37": (make_daquar_37, ("qa.37.raw.reduced.test.format_triple",)),
    "vqa": (make_vqa, ("v2_OpenEnded_mscoco_val2014_questions.json", "v2_mscoco_val2014_annotations.json")),
    "ok-vqa": (make_ok_vqa, ("OpenEnded_mscoco_val2014_questions.json", "mscoco_val2014_annotations.json")),
    "a-okvqa": (make_a_okvqa, ("aokvqa_v1p0_train.json",)),
    "vizwiz": (make_vizwiz_vqa, ("Annotations/val.json",)),
    "coco-qa": (make_coco_qa, ("train/questions.txt", "train/img_ids.txt", "train/types.txt")),
    "visual7w": (make_visual7w, ("dataset_v7w_telling.json",)),
    "parquet": (make_question_parquet, ()),
    "webdataset": (make_question_webdataset, ()),
    "imagefolder": (make_question_imagefolder, ("Train/metadata.csv", "TEST/metadata.jsonl")),
    "table": (make_question_table, ("questions.csv",)),
}
