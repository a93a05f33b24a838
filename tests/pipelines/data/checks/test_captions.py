"""`captioner check`: the counts are right and every fault is told."""

import pytest

from captioner.text.vocabulary import Vocabulary
from pipelines.data.checks.captions import check
from pipelines.data.datasets import read_dataset
from tests.support_datasets import draw_image, make_table, write


@pytest.fixture
def folder(tmp_path):
    for shade, name in enumerate("abcd"):
        draw_image(tmp_path / f"{name}.png", 40 * shade)
    rows = [
        "image,caption,split",
        "a.png,A dog runs.,train",
        "a.png,A dog sleeps here.,train",
        "b.png,A cat.,train",
        "c.png,A dog and a cat,dev",
        "d.png,A hexagon,test",
        "gone.png,A ghost,test",
    ]
    write(tmp_path / "captions.csv", "\n".join(rows))
    return tmp_path


def test_words_are_counted_on_train_only(folder):
    """If this fails, the vocabulary knows the test captions, and unknown words look too rare."""
    dataset = read_dataset(folder)
    report = check(dataset, "ptb", minimum_count=2)
    train = [caption for example in dataset.split("train") for caption in example.captions]
    assert report.vocabulary_size == 2  # a, dog
    assert report.vocabulary_size == len(Vocabulary.from_captions(train, "ptb", minimum_count=2)) - 4
    assert report.splits["train"].images == 2 and report.splits["train"].captions == 3
    assert (report.splits["train"].words, report.splits["train"].distinct_words) == (9, 6)
    assert report.splits["train"].unknown_rate == pytest.approx(4 / 9)
    assert report.splits["dev"].unknown_rate == pytest.approx(2 / 5)
    assert report.splits["test"].unknown_rate == pytest.approx(1 / 2)
    assert report.splits["train"].lengths[0] == 2 and report.splits["train"].lengths[3] == 4


def test_damaged_images_and_leaks_are_found(folder):
    """If this fails, training stops at a file that was called sound, or scores are on images seen before."""
    good = (folder / "a.png").read_bytes()
    (folder / "b.png").write_bytes(good[: len(good) // 2])
    (folder / "c.png").write_bytes(b"")
    (folder / "d.png").write_bytes(good)
    seen = []
    report = check(read_dataset(folder), progress=seen.append)
    assert sum(seen) == 4
    assert [problem.path.name for problem in report.problems] == ["captions.csv", "b.png", "c.png"]
    assert "empty" in report.problems[2].text and "c.png" not in report.problems[2].text
    assert [(same.ids, same.splits) for same in report.leaks] == [(("a.png", "d.png"), ("train", "test"))]
    assert not report.sound


@pytest.mark.parametrize("caption", ["...", "👍🏿", "nan", "<NA>", " ? "])
def test_a_caption_without_words_is_a_problem_as_an_empty_one_is(folder, caption):
    """It counted as a caption of nothing, or as the word `nan`, and a network learned it."""
    with open(folder / "captions.csv", "a", encoding="utf-8") as file:
        file.write(f"\nb.png,{caption},train")
    report = check(read_dataset(folder), open_images=False)
    assert report.splits["train"].captions == 3 and len(report.problems) == 2
    assert caption.strip() in str(report.problems[1]) and "left out" in str(report.problems[1])
    assert not report.tokenizer_hint


def test_the_tokenizer_that_fits_is_named(folder):
    write(folder / "captions.csv", "image,caption,split\na.png,一只狗在草地上奔跑,train\nb.png,两个人坐在长椅上,dev")
    lines = list(check(read_dataset(folder), open_images=False).lines())
    assert any("`--tokenizer characters`" in line for line in lines)
    assert not any("`--tok" in line for line in check(read_dataset(folder), "characters", open_images=False).lines())


def test_lines_say_it_all(folder):
    """If this fails, `captioner check` hides a row, or its lines cannot be jumped to from an editor."""
    (folder / "d.png").write_bytes((folder / "a.png").read_bytes())
    lines = list(check(read_dataset(folder)).lines())
    text = "\n".join(lines)
    assert f"{folder / 'captions.csv'}:7: there is no image 'gone.png'; its caption was left out" in lines
    assert "the same picture: a.png (train), d.png (test); it leaks from one split into another" in lines
    assert "1 repeated image, 1 across splits:" in text and "1 problem:" in text
    row = next(line for line in lines if line.startswith("train")).split()
    assert row[:6] == ["train", "2", "3", "9", "6", "0.00%"]


def test_without_opening_images_nothing_is_said_about_them(folder):
    """If this fails, the quick check claims what it did not look at."""
    (folder / "a.png").write_bytes(b"")
    report = check(read_dataset(folder), open_images=False)
    assert len(report.problems) == 1 and not report.same_images
    assert "Images were not opened" in "\n".join(report.lines())


def test_a_sound_data_set_is_called_so(tmp_path):
    """If this fails, nobody knows whether the check was done or found nothing."""
    make_table(tmp_path)
    assert check(read_dataset(tmp_path)).sound
    assert list(check(read_dataset(tmp_path)).lines())[-1] == "\nNothing is missing, unreadable or there twice."


def test_a_data_set_without_a_train_split_says_why_everything_is_unknown(tmp_path):
    """If this fails, a scoring set shows 100 % unknown words without a reason."""
    make_table(tmp_path)
    write(tmp_path / "captions.csv", "image,caption,split\nc.jpg,A boat,test\n")
    report = check(read_dataset(tmp_path))
    assert report.vocabulary_size == 0 and report.splits["test"].unknown_rate == 1
    assert "There is no train split" in "\n".join(report.lines())
