"""Clips: which frames are taken of what, and what is said of those that cannot be read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from captioner.images.clips import (
    PADDING,
    ClipSpec,
    decode_clip,
    decode_pixels,
    evenly_spaced,
    folder_frames,
    load_pixels,
    pixel_batch,
)
from captioner.images.decode import ImageError, ImageLimits, ImageSpec, load_image

SPEC = ClipSpec(8, 8, "raw", 4)


def frames(count, seed=0):
    return np.random.default_rng(seed).integers(0, 255, (count, 8, 8, 3)).astype("uint8")


@given(st.integers(1, 300), st.integers(1, 40))
def test_frames_are_taken_evenly(count, wanted):
    """Wrong if a frame is taken twice, out of order, or all from one end."""
    places = evenly_spaced(count, wanted)
    assert len(places) == min(count, wanted) and places == sorted(set(places)) and 0 <= places[0] <= places[-1] < count
    steps = np.diff(places)
    assert not len(steps) or steps.max() - steps.min() <= 1
    assert abs(places[0] - (count - 1 - places[-1])) <= 1, "one end has more left over than the other"


def test_one_frame_is_the_middle_one():
    assert [evenly_spaced(count, 1) for count in (1, 2, 7, 12)] == [[0], [1], [3], [6]]


def test_a_long_clip_is_thinned_and_a_short_one_filled_up():
    whole, short = frames(8), frames(2, 1)
    batch = pixel_batch([decode_clip(whole, SPEC), decode_clip(short, SPEC)], SPEC)
    assert batch.shape == (2, *SPEC.shape) == (2, 4, 8, 8, 3) and batch.dtype == np.float32
    np.testing.assert_array_equal(batch[0], whole[[1, 3, 5, 7]])
    np.testing.assert_array_equal(batch[1, :2], short)
    assert (batch[1, 2:] == PADDING).all() and np.float16(PADDING) == PADDING


def test_a_gif_its_bytes_and_a_folder_give_the_same_frames(tmp_path):
    grey = [np.full((8, 8, 3), 20 * n, "uint8") for n in range(11)]
    pictures = [Image.fromarray(frame) for frame in grey]
    pictures[0].save(tmp_path / "clip.gif", save_all=True, append_images=pictures[1:], duration=100)
    (tmp_path / "clip").mkdir()
    for number, picture in enumerate(pictures):
        picture.save(tmp_path / "clip" / f"frame{number}.png")
    pictures[0].save(tmp_path / "clip" / "other.gif")  # a clip of its own, no frame
    expected = np.stack(grey)[evenly_spaced(11, 4)]
    for source in (tmp_path / "clip.gif", (tmp_path / "clip.gif").read_bytes(), tmp_path / "clip"):
        np.testing.assert_array_equal(decode_clip(source, SPEC), expected)


def test_frames_are_sorted_by_numbers_whatever_digits_people_write(tmp_path):
    """Wrong if a raised two ends the job: it is a digit, and no number."""
    names = ["frame1.png", "frame2.png", "frame2\u00b2.png", "frame10.png", "frame\u0663.png", "frame\u2460.png"]
    for shade, name in enumerate(names):
        Image.fromarray(np.full((8, 8, 3), shade, np.uint8)).save(tmp_path / name)
    for other in ("._frame1.png", "notes.svg", "raw.cr3"):  # the frames of a clip are what can be read
        (tmp_path / other).write_bytes(b"\0\5\x16\7")
    order = [path.name for path in folder_frames(tmp_path)]
    assert sorted(order) == sorted(names) and order[:4] == [*names[:2], "frame2\u00b2.png", "frame10.png"]
    assert decode_clip(tmp_path, ClipSpec(8, 8, "raw", 6)).shape == (6, 8, 8, 3)


def test_single_images_are_what_they_were(tmp_path):
    """Wrong if an ordinary encoder sees anything but the first frame of a GIF."""
    pictures = [Image.fromarray(np.full((8, 8, 3), 90 * n, "uint8")) for n in range(3)]
    path = tmp_path / "clip.gif"
    pictures[0].save(path, save_all=True, append_images=pictures[1:])
    spec = ImageSpec(8, 8, "tf")
    np.testing.assert_array_equal(load_pixels(path, spec), load_image(path, spec))
    assert decode_pixels(path, spec).shape == (8, 8, 3) and not decode_pixels(path, spec).any()
    pictures[1].save(tmp_path / "one.png")
    one = load_pixels(tmp_path / "one.png", SPEC)
    assert (one[0] == 90).all() and (one[1:] == PADDING).all()


def test_what_cannot_be_read_is_named(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageError, match="empty: this folder holds no images"):
        decode_clip(tmp_path / "empty", SPEC)
    with pytest.raises(ImageError, match=r"gone.*no such file"):
        decode_clip(tmp_path / "gone", SPEC)
    with pytest.raises(ImageError, match=r"an array \(T, H, W, 3\), but this one has \(2, 8, 8, 4\)"):
        decode_clip(np.zeros((2, 8, 8, 4)), SPEC)
    pictures = [Image.fromarray(frame) for frame in frames(30)]
    pictures[0].save(tmp_path / "many.gif", save_all=True, append_images=pictures[1:])
    with pytest.raises(ImageError, match=r"30 frames of 8 x 8 pixels, the limit is 640 pixels in all"):
        decode_clip(tmp_path / "many.gif", SPEC, ImageLimits(max_pixels=64))


@given(st.binary(max_size=80), st.integers(0, 400))
def test_whatever_follows_the_head_of_a_gif_only_an_image_error_comes_out(tail, cut):
    """Wrong if a damaged clip ends a training with a traceback."""
    data = WHOLE[: min(cut, len(WHOLE))] + tail
    try:
        decoded = decode_clip(data, SPEC, name="x.gif")
    except ImageError as error:
        assert str(error).startswith("x.gif: ")
    else:
        assert decoded.shape[1:] == (8, 8, 3) and 1 <= len(decoded) <= 4


def _gif():
    from io import BytesIO

    file, pictures = BytesIO(), [Image.fromarray(frame) for frame in frames(3)]
    pictures[0].save(file, "GIF", save_all=True, append_images=pictures[1:])
    return file.getvalue()


WHOLE = _gif()


def test_clips_are_read_by_many_threads_at_once():
    """Wrong if one thread opens a file while another is between two looks at Pillow's own limit."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        for decoded in pool.map(lambda _: decode_clip(WHOLE, SPEC), range(300)):
            assert decoded.shape == (3, 8, 8, 3)
