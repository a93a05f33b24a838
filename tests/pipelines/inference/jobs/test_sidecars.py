"""Files beside images: what is written, and that nobody's own files are touched."""

import json
import os
import xml.etree.ElementTree as xml

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from captioner.errors import UserError
from pipelines.inference.jobs.captioning import CaptionOptions
from pipelines.inference.jobs.sidecars import Sidecars, sidecar_path, xmp_content
from tests.pipelines.inference.stub_captioner import StubCaptioner
from tests.support_jobs import caption_images

SPACES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "iptc": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
}


@pytest.fixture
def folder(tmp_path):
    for number, name in enumerate(("a/photo.jpg", "b.png", "two.jpg", "two.png", "c")):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 255, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).save(path, "PNG")
    (tmp_path / "in" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    return tmp_path / "in"


def caption(folder, *kinds, **changes):
    options = CaptionOptions(batch_size=2, sidecars=kinds, **changes)
    return caption_images([folder], StubCaptioner(), folder.parent / "c.jsonl", options=options)


def lines(folder):
    text = (folder.parent / "c.jsonl").read_text("utf-8")
    return {line["image"]: line for line in map(json.loads, text.splitlines())}


def test_a_text_stands_beside_every_image_that_has_a_caption(folder):
    caption(folder, "txt")
    said = {name: line.get("caption") for name, line in lines(folder).items()}
    beside = {"a/photo.jpg": "a/photo.txt", "b.png": "b.txt", "c": "c.txt", "two.jpg": "two.jpg.txt",
              "two.png": "two.png.txt"}  # fmt: skip
    for image, name in beside.items():
        assert (folder / name).read_text("utf-8") == said[image] + "\n", f"{name} is not about {image}"
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.txt")} == set(beside.values())


def test_only_an_image_that_can_be_read_takes_the_short_name_away(folder):
    """Wrong if the raw file that a camera writes beside each photograph renames the text that is there already."""
    (folder / "b.cr3").write_bytes(b"\0\0\0\x18ftypcrx ")
    (folder / "b.svg").write_bytes(b"<svg/>")
    assert sidecar_path(str(folder / "b.png"), "txt") == folder / "b.txt"
    assert sidecar_path(str(folder / "two.png"), "txt") == folder / "two.png.txt"


def test_xmp_holds_the_caption_as_alternative_text_and_description(folder):
    caption(folder, "xmp")
    tree = xml.parse(folder / "b.xmp").getroot()
    for field in ("iptc:AltTextAccessibility", "dc:description"):
        (item,) = tree.findall(f".//{field}/rdf:Alt/rdf:li", SPACES)
        assert item.text == lines(folder)["b.png"]["caption"]
        assert item.get("{http://www.w3.org/XML/1998/namespace}lang") == "x-default"


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_any_caption_is_sound_xml(text):
    """A caption may hold markup, control characters and halves of characters."""
    tree = xml.fromstring(xmp_content(text).encode("utf-8"))
    found = tree.findall(".//dc:description//rdf:li", SPACES)
    assert len(found) == 1 and len(found[0]) == 0, "a caption became markup"


def test_files_of_others_are_left_alone_and_told(folder):
    (folder / "b.txt").write_text("my notes")
    (folder / "b.xmp").write_text("<x:xmpmeta xmlns:x='adobe:ns:meta/' x:xmptk='Another program'/>")
    (folder / "c.txt").mkdir()
    summary = caption(folder, "txt", "xmp")
    assert (folder / "b.txt").read_text() == "my notes" and "Another program" in (folder / "b.xmp").read_text()
    assert sorted(path.name for path in summary.left_alone) == ["b.txt", "b.xmp", "c.txt"]
    assert (folder / "c.xmp").is_file(), "what nobody else has written is written all the same"


def test_a_corrected_alternative_text_is_kept(folder):
    """Wrong if a person's correction is replaced by the machine's sentence, because the file was ours once."""
    caption(folder, "xmp")
    corrected = (folder / "b.xmp").read_text("utf-8").replace(lines(folder)["b.png"]["caption"], "my own words")
    (folder / "b.xmp").write_text(corrected, "utf-8")
    summary = caption(folder, "xmp")
    assert (folder / "b.xmp").read_text("utf-8") == corrected
    assert summary.left_alone == {folder / "b.xmp": "another file is there"}
    Image.fromarray(np.zeros((8, 9, 3), np.uint8)).save(folder / "b.png")
    assert caption(folder, "xmp").changed == 1
    assert (folder / "b.xmp").read_text("utf-8") == corrected, "a new caption is no reason either"


def test_nothing_is_written_outside_of_the_folder_through_a_link(folder, tmp_path):
    """Reading through a linked folder is fine; its owner did not ask for files in it."""
    outside = tmp_path / "outside"
    (outside / "deeper").mkdir(parents=True)
    for path in (outside / "x.png", outside / "deeper" / "y.png"):
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(path)
    (folder / "linked").symlink_to(outside)
    (folder / "z.png").symlink_to(outside / "x.png")  # a linked image is in the folder itself
    summary = caption(folder, "txt")
    assert {"linked/x.png", "linked/deeper/y.png", "z.png"} <= set(lines(folder))
    assert sorted(path.name for path in outside.rglob("*") if path.is_file()) == ["x.png", "y.png"]
    assert (folder / "z.txt").is_file() and {path.name for path in summary.left_alone} == {"x.txt", "y.txt"}
    assert all("a link leads there" in reason for reason in summary.left_alone.values())
    caption_images([folder / "linked" / "x.png"], StubCaptioner(), tmp_path / "one.jsonl",
                   options=CaptionOptions(sidecars=("txt",)))  # fmt: skip
    assert (outside / "x.txt").is_file(), "whoever names the image means it"


def test_links_in_the_place_of_texts_lead_nowhere(folder, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (folder / "b.txt").symlink_to(secret)
    (folder / "c.txt").symlink_to(tmp_path / "not there")
    for name in ("b.txt.part", "b.txt.new", "two.jpg.txt.part"):
        (folder / name).symlink_to(secret)
    summary = caption(folder, "txt")
    assert secret.read_text() == "secret" and not (tmp_path / "not there").exists()
    assert sorted(path.name for path in summary.left_alone) == ["b.txt", "c.txt"]


def test_a_file_that_appears_meanwhile_is_not_overwritten(folder, monkeypatch):
    def link(source, target, real=os.link):
        folder.joinpath("b.txt").write_text("somebody was faster")
        real(source, target)

    monkeypatch.setattr(os, "link", link)
    summary = caption(folder, "txt")
    assert (folder / "b.txt").read_text() == "somebody was faster" and folder / "b.txt" in summary.left_alone


def test_an_image_called_like_a_text_is_not_overwritten(folder):
    (folder / "b.png").rename(folder / "b.txt")  # an image, whatever its name says
    before = (folder / "b.txt").read_bytes()
    caption(folder, "txt")
    assert (folder / "b.txt").read_bytes() == before and (folder / "b.txt.txt").is_file()


def test_asked_for_later_they_are_written_without_captioning_again(folder):
    caption(folder)
    assert not list(folder.rglob("*.txt"))
    summary = caption(folder, "txt")
    assert summary.done == 0 and len(list(folder.rglob("*.txt"))) == 5
    (folder / "b.txt").unlink()
    caption(folder, "txt")
    assert (folder / "b.txt").is_file(), "one that a kill prevented is not made up for"


def test_a_changed_image_gets_another_text(folder):
    caption(folder, "txt")
    (folder / "c.txt").write_text("mine now")
    before = (folder / "b.txt").read_text()
    number = 100
    while lines(folder)["b.png"]["caption"] + "\n" == before:
        number += 1
        pixels = np.random.default_rng(number).integers(0, 255, (8, 9, 3), np.uint8)
        Image.fromarray(pixels).save(folder / "b.png")
        Image.fromarray(pixels[:, ::-1].copy()).save(folder / "c", "PNG")
        summary = caption(folder, "txt")
    assert (folder / "b.txt").read_text() == lines(folder)["b.png"]["caption"] + "\n"
    assert (folder / "c.txt").read_text() == "mine now" and [path.name for path in summary.left_alone] == ["c.txt"]


def test_an_unsure_caption_is_marked_and_gets_no_text(folder):
    summary = caption(folder, "txt", min_score=-0.5)
    marked = {name for name, line in lines(folder).items() if line.get("unsure")}
    assert 0 < len(marked) == summary.unsure < 5, "choose another score: this one proves nothing"
    for name, line in lines(folder).items():
        if "caption" in line:
            assert (name in marked) == (line["score"] < -0.5)
            assert sidecar_path(str(folder / name), "txt").exists() == (name not in marked)


def test_a_folder_that_takes_no_file_is_a_sentence(folder, monkeypatch):
    def refused(*_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "fsync", refused)
    sidecars = Sidecars(("txt",), [folder])
    with pytest.raises(UserError, match=r"b\.txt cannot be written: its disk is read-only"):
        sidecars.write({"image": "b.png", "caption": "a dog"}, str(folder / "b.png"))


def test_an_unknown_kind_is_refused_before_any_work(folder):
    with pytest.raises(UserError, match="no sidecar called 'pdf'"):
        caption(folder, "pdf")


@pytest.mark.parametrize(
    "name",
    ["../elsewhere/x.jpg", "{elsewhere}/x.jpg", "link/x.jpg", "link/../elsewhere/x.jpg", "../in/../elsewhere/x.jpg",
     "", ".", "..", "/", "none.jpg", "none/x.jpg", "b.png/x.jpg", "zero\0.jpg", "zero\0/x.jpg", "half\ud800.jpg",
     "half\ud800/x.jpg", "long" * 90 + "/x.jpg", "long" * 90],
)  # fmt: skip
def test_names_that_somebody_put_into_a_journal_lead_nowhere(folder, name):
    """Wrong if a journal from elsewhere writes files beside what is no image, or ends in a traceback."""
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir()
    (folder / "link").symlink_to(elsewhere)
    for place in (elsewhere, folder.parent):
        (place / "x.jpg").write_bytes((folder / "b.png").read_bytes())
    caption(folder, "txt", "xmp")
    before = {path for path in folder.parent.rglob("*") if path.is_file()}
    with open(folder.parent / "c.jsonl", "ab") as journal:
        record = {"image": name.format(elsewhere=elsewhere), "caption": "made up"}
        journal.write(json.dumps(record).encode() + b"\n")
    caption(folder, "txt", "xmp")
    assert {path for path in folder.parent.rglob("*") if path.is_file()} == before
