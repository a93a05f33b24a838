"""Examples from people's own tables: read whatever the format, and every fault named with file and line."""

import json

import pytest

from captioner.errors import UserError
from pipelines.data.datasets.text import NOT_TEXT_LEFT_OUT
from pipelines.tasks.sequences.tables import read_examples


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def read(path, task="classify", tokenizer="unicode"):
    splits, problems = read_examples(path, task, tokenizer)
    pairs = {split: [(example.source, example.target) for example in rows] for split, rows in splits.items()}
    return pairs, [str(problem).replace(str(path.parent), ".") for problem in problems]


def test_a_csv_with_splits(tmp_path):
    examples, problems = read(
        write(tmp_path / "mine.csv", 'split,label,text\ntrain,good,"fine, really"\nval,bad,  no   way\n')
    )
    assert examples == {"train": [("fine, really", ("good",))], "dev": [("no way", ("bad",))], "test": []}
    assert problems == []


def test_semicolons_tabs_and_json_lines_say_the_same(tmp_path):
    rows = [("train", "the dog", "DET NOUN"), ("dev", "a cat", "DET NOUN")]
    files = [
        write(tmp_path / "a.csv", "split;text;tags\n" + "".join(f"{';'.join(row)}\n" for row in rows)),
        write(tmp_path / "a.tsv", "split\ttext\ttags\n" + "".join("\t".join(row) + "\n" for row in rows)),
        write(
            tmp_path / "a.jsonl",
            "".join(json.dumps(dict(zip(("split", "text", "tags"), row, strict=True))) + "\n" for row in rows),
        ),
        write(
            tmp_path / "b.jsonl",
            "".join(json.dumps({"split": s, "text": text, "tags": tags.split()}) + "\n" for s, text, tags in rows),
        ),
    ]
    tables = [read(path, "tag", "spaces") for path in files]
    assert all(table == tables[0] for table in tables)
    assert tables[0][0]["train"] == [("the dog", ("DET", "NOUN"))] and tables[0][1] == []


def test_a_folder_with_a_table_a_split(tmp_path):
    write(tmp_path / "train.csv", "source,target\na b,b a\n")
    write(tmp_path / "valid.csv", "source,target\nc,d\n")
    examples, _ = read(tmp_path, "translate")
    assert examples == {"train": [("a b", "b a")], "dev": [("c", "d")], "test": []}


def test_without_splits_the_text_decides_and_the_same_text_stays_together(tmp_path):
    rows = [f"text {n % 60},label{n % 2}" for n in range(180)]
    path = write(tmp_path / "a.csv", "text,label\n" + "\n".join(rows))
    examples, _ = read(path)
    sources = {split: {source for source, _ in pairs} for split, pairs in examples.items()}
    assert all(sources.values()) and sum(map(len, sources.values())) == 60, "a text is in two splits"
    assert sum(map(len, examples.values())) == 180
    assert examples == read(path)[0]


def test_a_text_of_dev_is_not_learned(tmp_path):
    path = write(tmp_path / "a.csv", "text,label,split\nyes,a,train\nno,b,train\nno,b,dev\n")
    examples, problems = read(path)
    assert examples["train"] == [("yes", ("a",))] and examples["dev"] == [("no", ("b",))]
    assert problems == ["./a.csv:3: 'no' is in dev as well (a.csv:4); it stays in dev only"]


GOOD = "text,label,split\nfine,a,train\nbad,b,dev\n"


@pytest.mark.parametrize(
    "task, text, fault",
    [
        ("classify", GOOD + "!!!,a,train\n", "./a.csv:4: '!!!' holds no words; the row was left out"),
        ("classify", GOOD + "word,,train\n", "./a.csv:4: 'word' has no label; the row was left out"),
        ("classify", GOOD + "word,a,\n", "./a.csv:4: 'word' has no split; the row was left out"),
        ("classify", GOOD + "a,b\n", "./a.csv:4: 2 fields where the header has 3; the row was left out"),
        (
            "classify", GOOD + "word,a,other\n",
            "./a.csv:4: the split 'other' is neither train, dev nor test; the row was left out",
        ),
        (
            "tag", "text,tags,split\na b,X Y,train\nc,Z,dev\na b c,X Y,train\n",
            "./a.csv:4: 2 tags for 3 words ('a b c'); the row was left out",
        ),
        (
            "translate", "source,target,split\na,b,train\nc,d,dev\ne,...,train\n",
            "./a.csv:4: '...' holds no words; the row was left out",
        ),
    ],
)  # fmt: skip
def test_a_faulty_row_is_named_and_the_others_are_read(tmp_path, task, text, fault):
    examples, problems = read(write(tmp_path / "a.csv", text), task)
    assert fault in problems
    assert len(examples["train"]) == len(examples["dev"]) == 1


def test_bytes_that_are_no_text_cost_their_row_alone(tmp_path):
    (tmp_path / "a.csv").write_bytes(GOOD.encode() + b"\xff\xfe,a,train\n")
    examples, problems = read(tmp_path / "a.csv")
    assert len(examples["train"]) == 1 and problems == [f"./a.csv:4: {NOT_TEXT_LEFT_OUT}"]


def test_labels_that_are_numbers_or_true(tmp_path):
    """If this fails, data whose labels are 0 and 1, as most is, has no rows."""
    labels = [0, 1, True, False, 1.0, "1", None]
    rows = [{"text": f"word{n}", "label": label, "split": "train" if n else "dev"} for n, label in enumerate(labels)]
    examples, problems = read(write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows))))
    assert [label for _, (label,) in examples["train"]] == ["1", "true", "false", "1", "1"]
    assert examples["dev"] == [("word0", ("0",))] and len(problems) == 1


@pytest.mark.parametrize("tags", [["DET", "NOUN"], "DET NOUN", "['DET', 'NOUN']", '["DET", "NOUN"]'])
def test_tags_as_a_list_or_printed_as_one(tmp_path, tags):
    rows = [{"text": "the dog", "tags": tags, "split": split} for split in ("train", "dev")]
    rows[1]["text"] = "a dog"
    examples, problems = read(write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows))), "tag")
    assert examples["train"] == [("the dog", ("DET", "NOUN"))] and not problems


def test_json_lines_that_are_none(tmp_path):
    path = write(
        tmp_path / "a.jsonl",
        '{"text": "a", "label": "x", "split": "train"}\n{"text": "b", "label": "y", "split": "dev"}\n'
        '{"text": null, "label": "x", "split": "train"}\n[1]\n{"text\n',
    )
    examples, problems = read(path)
    assert len(examples["train"]) == 1
    expected = "./a.jsonl:3: expected text and label, got {'label': 'x', 'text': None}; the row was left out"
    assert expected in problems
    assert any(problem.startswith("./a.jsonl:4: expected an object") for problem in problems)
    assert any(problem.startswith("./a.jsonl:5: ") for problem in problems)


@pytest.mark.parametrize(
    "name, text, sentence",
    [
        ("a.csv", "text,lable\na,b\n", r"a\.csv:1: the column `label` is missing.*Did you mean `lable`"),
        ("a.csv", "", r"a\.csv:1: the column `text` is missing"),
        ("a.csv", "text,label,split\na,b,dev\n", "leaves no rows for train"),
        ("a.csv", "text,label,split\n!,b,train\na,c,dev\n", r"leaves no rows for train.*a\.csv:2: '!' holds no words"),
        ("a.txt", "text,label\n", r"a\.txt is no table: expected a file that ends in \.csv, \.tsv, \.jsonl"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_sentence(tmp_path, name, text, sentence):
    with pytest.raises(UserError, match=f"(?s){sentence}"):
        read(write(tmp_path / name, text))


def test_paths_without_a_table(tmp_path):
    with pytest.raises(UserError, match="There is no file or folder"):
        read(tmp_path / "nowhere.csv")
    with pytest.raises(UserError, match="must hold one table of examples"):
        read(tmp_path)
    with pytest.raises(UserError, match="cannot be read from a table"):
        read(tmp_path, "frames")
