import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from sktart.exceptions import MissingExtraError
from sktart.rows._images import as_images

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, size=(5, 4, 3), dtype=np.uint8)
GREY = RNG.integers(0, 256, size=(5, 4), dtype=np.uint8)
GREY_RGB = np.stack([GREY] * 3, axis=2)


def one(entry):
    (image,) = as_images([entry], "this encoder")
    assert image.dtype == np.uint8
    return image


@pytest.mark.parametrize(
    "entry, expected",
    [
        (RGB, RGB),
        (GREY, GREY_RGB),
        (GREY[:, :, None], GREY_RGB),
        (np.dstack([RGB, GREY]), RGB),
        (Image.fromarray(RGB), RGB),
        (Image.fromarray(GREY), GREY_RGB),
        (Image.fromarray(np.dstack([RGB, GREY])), RGB),
        (Image.fromarray(GREY > 127), np.stack([(GREY > 127) * 255] * 3, axis=2)),
        (Image.fromarray(GREY_RGB).quantize(256), GREY_RGB),
        (Image.fromarray(GREY.astype(np.uint16) * 257), GREY_RGB),
        (Image.fromarray(GREY.astype(np.int32) * 257), GREY_RGB),
    ],
    ids=lambda value: f"{value.mode}-image" if isinstance(value, Image.Image) else f"array{value.ndim}",
)
def test_every_kind_becomes_rgb(entry, expected):
    assert_array_equal(one(entry), expected)


@pytest.mark.parametrize("ending", ["png", "bmp", "tiff", "jpg"])
def test_files(tmp_path, ending):
    path = tmp_path / f"image.{ending}"
    Image.fromarray(RGB).resize((64, 64)).save(path, quality=95, subsampling=0)
    expected = np.asarray(Image.fromarray(RGB).resize((64, 64)))
    assert_allclose(one(path).astype(float), expected, rtol=0, atol=12 if ending == "jpg" else 0)
    images = as_images(pd.Series([str(path)]), "this encoder")
    assert_array_equal(images[0], one(path))


def test_photo_is_turned_as_it_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(RGB).save(tmp_path / "a.png", exif=exif)
    assert_array_equal(one(tmp_path / "a.png"), np.rot90(RGB, -1))


@pytest.mark.parametrize(
    "X", [np.stack([RGB] * 2), [RGB] * 2, (RGB, Image.fromarray(RGB)), pd.Series([RGB, RGB])], ids=type
)
def test_any_container_of_images(X):
    images = as_images(X, "this encoder")
    assert len(images) == 2
    for image in images:
        assert_array_equal(image, RGB)
    assert_array_equal(images[-1], RGB)
    assert_array_equal(images[:2], [RGB, RGB])


def test_images_are_made_when_asked_for(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.png")
    images = as_images([tmp_path / "a.png"], "this encoder")
    (tmp_path / "a.png").write_bytes(b"not an image")
    with pytest.raises(ValueError, match=r"row 0 must be an image; .*a.png'.* cannot be read \(cannot id"):
        images[0]


@pytest.mark.parametrize(
    "X, message",
    [
        (GREY, r"got numbers of shape \(5, 4\): reshape flat pixels to \(N, height, width\)"),
        (RGB, r"shape \(5, 4, 3\) is that of a single one: pass \[X\]"),
        ("a.png", r"got the single text 'a.png', so pass \[X\] or list\(X\)"),
        (Image.fromarray(RGB), r"got Image, so pass \[X\] or list\(X\)"),
        (["no.png"], "reads images, but row 0 holds 'no.png', which is no file; pass PIL images"),
        ([RGB, 3], r"row 1 holds 3 \(int\); pass PIL images, uint8 arrays or paths"),
        ([RGB / 255], r"uint8, 0 to 255; row 0 holds float64: convert it, for instance with \(255 \* X\)"),
        (np.zeros((2, 8, 8)), "row 0 holds float64: convert it"),
        ([GREY.astype(int)], "row 0 holds int64"),
        (np.zeros((2, 3, 8, 8), dtype=np.uint8), r"row 0 has shape \(3, 8, 8\): put the channels last"),
        ([GREY[0]], r"row 0 has shape \(4,\)"),
        ([RGB[:0]], r"row 0 has shape \(0, 4, 3\)"),
    ],
)
def test_what_is_no_image(X, message):
    with pytest.raises(ValueError, match=message):
        as_images(X, "this encoder")


def test_image_of_floats():
    with pytest.raises(ValueError, match="must hold whole numbers; row 0 holds floats, so scale it to uint8"):
        one(Image.fromarray(GREY / np.float32(255)))


def test_files_need_pillow(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(b"")
    images = as_images([tmp_path / "a.png"], "this encoder")
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(MissingExtraError, match=r"'PIL.Image' is not .*pip install 'sktart\[images\]'"):
        images[0]
