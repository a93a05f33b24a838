"""Flickr30k's two caption files, the row without a bar, and lists of names without .jpg."""

from pipelines.data.datasets import flickr30k, read_dataset
from tests.support_datasets import check_dataset, draw_image, make_flickr30k, write


def test_the_published_row_without_a_bar_is_read(tmp_path):
    """If this fails, the published file stops the reader, or the caption keeps the number in front."""
    draw_image(tmp_path / "flickr30k_images/2199200615.jpg")
    rows = [
        "image_name| comment_number| comment",
        '2199200615.jpg| 3| A dog "on" grass .',
        "2199200615.jpg| 4   A dog runs across the grass .",
        "2199200615.jpg",
    ]
    write(tmp_path / "results.csv", "\n".join(rows) + "\n")
    dataset = read_dataset(tmp_path)
    assert dataset.name == "flickr30k"
    assert dataset.examples[0].captions == ('A dog "on" grass .', "A dog runs across the grass .")
    assert [(problem.line, problem.text) for problem in dataset.problems] == [
        (3, "a | is missing after the caption's number; the row was read without it"),
        (4, "expected image.jpg| 0| caption, got '2199200615.jpg'; the row was left out"),
    ]


def test_lists_may_name_images_without_their_extension(tmp_path):
    """If this fails, the usual lists match no image at all."""
    make_flickr30k(tmp_path)
    assert flickr30k.read(tmp_path).splits() == {"train": 1, "dev": 1, "test": 1}


def test_token_file_and_csv_give_the_same(tmp_path):
    """If this fails, scores depend on which copy of the captions somebody has."""
    make_flickr30k(tmp_path)
    before = flickr30k.read(tmp_path)
    (tmp_path / "results.csv").unlink()
    rows = [f"{name}.jpg#{n}\tA cat number {n} , asleep ." for name in "123" for n in range(5)]
    write(tmp_path / "results_20130124.token", "\n".join(rows))
    assert read_dataset(tmp_path) == before


def test_without_lists_every_image_has_its_split_for_good(tmp_path):
    """If this fails, images move between splits when others are added: training images are scored on."""
    rows = []
    for number in range(400):
        write(tmp_path / f"images/{number}.jpg", b"")  # never opened
        rows.append(f"{number}.jpg#0\tA dog .")
    write(tmp_path / "results_20130124.token", "\n".join(rows[:300]))
    before = {example.id: example.split for example in flickr30k.read(tmp_path).examples}
    write(tmp_path / "results_20130124.token", "\n".join(rows))
    dataset = flickr30k.read(tmp_path)
    after = {example.id: example.split for example in dataset.examples}
    check_dataset(dataset)
    assert {name: after[name] for name in before} == before
    assert 350 < dataset.splits()["train"] < 395


def test_the_table_with_commas_and_its_shifted_row(tmp_path):
    """If this fails, Kaggle's other copy is taken for Flickr8k, or loses the row that was damaged on the way."""
    draw_image(tmp_path / "flickr30k_images/2199200615.jpg")
    rows = [
        "image_name,comment_number,comment",
        '2199200615.jpg,0," A dog, brown, on grass ."',
        "2199200615.jpg,4   A dog runs across the grass .,",
        "2199200615.jpg,x,",
    ]
    write(tmp_path / "captions.txt", "\n".join(rows) + "\n")
    dataset = read_dataset(tmp_path)
    check_dataset(dataset)
    assert dataset.name == "flickr30k" and "Scores do not compare" in dataset.notes[0]
    assert dataset.examples[0].captions == ("A dog, brown, on grass .", "A dog runs across the grass .")
    assert [(problem.line, problem.text) for problem in dataset.problems] == [
        (3, "the caption is in the column of its number; it was read from there"),
        (4, "the caption of '2199200615.jpg' is empty; the row was left out"),
    ]
