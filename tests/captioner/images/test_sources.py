"""Arrays of any numbers as images; what is one image and what are many is tested with the models that take them."""

import io

import numpy as np
import pytest

from captioner.images.clips import ClipSpec, decode_clip
from captioner.images.decode import ImageSpec, decode_image
from captioner.images.files import ImageError
from captioner.images.sources import array_pixels, listed

SHADES = np.arange(0, 256, 5, dtype=np.uint8).reshape(4, 13)


@pytest.mark.parametrize(
    "array",
    [
        SHADES / 255,
        (SHADES / 255).astype("float16"),
        SHADES.astype("float64"),
        SHADES.astype("int64"),
        SHADES.astype("uint16") * 257,
        SHADES / 127.5 - 1,
        np.where(SHADES == 0, np.nan, SHADES / 255),
    ],
    ids=["0 to 1", "half", "0 to 255", "int64", "uint16", "-1 to 1", "nan"],
)
def test_numbers_of_any_type_show_the_same_picture(array):
    """Wrong if floats from 0 to 1 become black, or if whole numbers wrap around."""
    assert np.abs(array_pixels(array, "").astype(int) - SHADES).max() <= 1


def test_dark_whole_numbers_stay_dark_and_truth_is_black_and_white():
    assert array_pixels(np.full((2, 2), 9), "").tolist() == [[9, 9], [9, 9]]
    assert array_pixels(np.eye(2, dtype=bool), "").tolist() == [[255, 0], [0, 255]]
    assert not array_pixels(np.full((2, 2), np.nan), "").any()


def test_frames_of_a_clip_have_one_scale():
    """Wrong if each frame of a picture that fades became as bright as the first."""
    clip = np.stack([np.full((8, 8, 3), share) for share in (1.0, 0.5, 0.1)])
    frames = decode_clip(clip, ClipSpec(8, 8, "raw", 3))
    assert frames.mean(axis=(1, 2, 3)) == pytest.approx([255, 128, 26], abs=1)


class Tensor:
    """As tensors of other libraries are: no array, but willing to become one."""

    def __array__(self, dtype=None, copy=None):
        return np.full((8, 8, 3), 7, np.uint8)


class Unwilling(Tensor):
    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("it needs a gradient")


def test_a_tensor_is_an_array():
    assert (decode_image(Tensor(), ImageSpec(8, 8, "raw")) == 7).all()
    assert len(listed(Tensor())[0]) == 1 and len(listed(Tensor(), dimensions=2)[0]) == 8
    with pytest.raises(ValueError, match="This Unwilling cannot be made into an array: it needs a gradient"):
        listed(Unwilling())


def test_a_file_that_was_just_written_is_read_from_its_beginning():
    file = io.BytesIO()
    np.save(file, np.zeros(3))  # no image, but not empty
    with pytest.raises(ImageError, match="not an image"):
        decode_image(file, ImageSpec(8, 8, "raw"))
    file.close()
    with pytest.raises(ImageError, match="could not be read"):
        decode_image(file, ImageSpec(8, 8, "raw"))
