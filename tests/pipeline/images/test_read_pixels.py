"""Pixels as a reader sees them: gray scale, orientation, and refusal of what cannot be decoded."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import (
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSLossless,
    RLELossless,
)

from pipeline.images import ImageRules, UnusableImage, describe_image
from pipeline.images.decoding import read_pixels

RAMP = np.arange(40 * 30, dtype=np.uint16).reshape(40, 30)
WHOLE = {"WindowCenter": "2048", "WindowWidth": "4096"}


def refused(path: Path) -> str:
    with pytest.raises(UnusableImage) as caught:
        read_pixels(path)
    assert "\n" not in str(caught.value)
    return caught.value.rule


def test_a_window_brings_its_range_to_black_and_white(written, radiograph):
    shown = read_pixels(written(radiograph(WindowCenter="600.5", WindowWidth="401")))
    assert shown.dtype == np.float32
    assert shown.shape == (40, 30)
    assert (shown[RAMP <= 400] == 0).all()
    assert (shown[RAMP >= 800] == 1).all()
    inside = (RAMP > 400) & (RAMP < 800)
    np.testing.assert_allclose(shown[inside], (RAMP[inside] - 400) / 400, atol=2e-3)


def test_of_several_windows_the_first_counts(written, radiograph):
    one = radiograph(WindowCenter="600", WindowWidth="400")
    two = radiograph(WindowCenter=["600", "90"], WindowWidth=["400", "10"])
    np.testing.assert_array_equal(read_pixels(written(one)), read_pixels(written(two, "b.dcm")))


def test_the_window_is_meant_after_the_rescale(written, radiograph):
    plain = radiograph(WindowCenter="600", WindowWidth="400")
    scaled = radiograph(
        WindowCenter="200", WindowWidth="800", RescaleSlope="2", RescaleIntercept="-1000"
    )
    first, second = read_pixels(written(plain)), read_pixels(written(scaled, "b.dcm"))
    np.testing.assert_allclose(first, second, atol=2e-3)


def test_without_a_window_outliers_do_not_set_the_range(written, radiograph):
    marked = RAMP + np.uint16(1000)
    marked[0, 0], marked[0, 1] = 4095, 0
    shown = read_pixels(written(radiograph(marked)))
    assert shown[0, 0] == 1
    assert shown[0, 1] == 0
    assert 0.45 < shown[20, 0] < 0.55


@pytest.mark.parametrize(
    "header",
    [
        {"WindowCenter": "600", "WindowWidth": "0"},
        {"WindowCenter": "", "WindowWidth": ""},
        {"WindowWidth": "100"},
        {"WindowCenter": "90000", "WindowWidth": "10"},
    ],
)
def test_a_window_that_shows_nothing_counts_as_none(written, radiograph, header):
    plain = read_pixels(written(radiograph()))
    np.testing.assert_array_equal(read_pixels(written(radiograph(**header), "b.dcm")), plain)


@pytest.mark.parametrize("header", [{}, WHOLE])
def test_monochrome1_is_the_negative_of_monochrome2(written, radiograph, header):
    bright = written(radiograph(**header), "m2.dcm")
    dark = written(radiograph(PhotometricInterpretation="MONOCHROME1", **header), "m1.dcm")
    np.testing.assert_allclose(read_pixels(dark), 1 - read_pixels(bright), atol=1e-6)


def lut(values: np.ndarray, bits: int) -> Dataset:
    table = Dataset()
    table.LUTDescriptor = [len(values), 0, bits]
    table["LUTDescriptor"].VR = "US"
    table.LUTData = values.astype("<u2").tobytes()
    table["LUTData"].VR = "OW"
    return table


def test_a_voi_lut_goes_before_a_window(written, radiograph):
    steps = np.where(np.arange(1200) < 700, 0, 4095)
    data = radiograph(VOILUTSequence=[lut(steps, 12)], WindowCenter="100", WindowWidth="9")
    np.testing.assert_array_equal(read_pixels(written(data)), (RAMP >= 700).astype(np.float32))


def test_a_modality_lut_is_applied(written, radiograph):
    table = lut(3000 - np.arange(1200), 16)
    table.ModalityLUTType = "US"
    data = radiograph(ModalityLUTSequence=[table], WindowCenter="2400.5", WindowWidth="1200")
    np.testing.assert_allclose(read_pixels(written(data)), 1 - RAMP / 1199, atol=2e-3)


def test_signed_pixels_keep_their_order(written, radiograph):
    signed = RAMP.astype(np.int16) - np.int16(600)
    shown = read_pixels(written(radiograph(signed)))
    assert (np.diff(shown.ravel()) >= 0).all()
    assert shown[0, 0] == 0


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [
        (["L", "F"], lambda upright: upright),
        (None, lambda upright: upright),
        (["R", "F"], lambda upright: upright[:, ::-1]),
        (["L", "H"], lambda upright: upright[::-1]),
        (["R", "H"], lambda upright: upright[::-1, ::-1]),
        (["F", "L"], lambda upright: upright.T),
        (["H", "R"], lambda upright: upright[::-1, ::-1].T),
    ],
)
def test_the_patients_right_is_shown_left_and_the_head_above(
    written, radiograph, orientation, turned
):
    stored = np.ascontiguousarray(turned(RAMP))
    header = {"PatientOrientation": orientation} if orientation else {}
    shown = read_pixels(written(radiograph(stored, **header), "turned.dcm"))
    np.testing.assert_array_equal(shown, read_pixels(written(radiograph(), "upright.dcm")))


def test_colour_becomes_luminance(written, radiograph):
    colours = np.zeros((40, 30, 3), np.uint8)
    colours[:, :10, 0] = colours[:, 10:20, 1] = 255
    data = radiograph(colours, PhotometricInterpretation="RGB", PlanarConfiguration=0)
    shown = read_pixels(written(data))
    assert shown[0, 25] == 0 < shown[0, 5] < shown[0, 15] == 1


def test_a_palette_is_looked_up(written, radiograph):
    indices = np.tile(np.arange(30, dtype=np.uint8), (40, 1))
    data = radiograph(indices, PhotometricInterpretation="PALETTE COLOR")
    falling = (np.arange(256)[::-1] * 256).astype("<u2").tobytes()
    for colour in ("Red", "Green", "Blue"):
        setattr(data, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(data, f"{colour}PaletteColorLookupTableData", falling)
    assert (np.diff(read_pixels(written(data))[0]) < 0).all()


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless])
def test_lossless_compression_changes_nothing(written, radiograph, syntax):
    tall = np.tile(RAMP, (4, 4))
    plain, packed = radiograph(tall), radiograph(tall)
    try:
        packed.compress(syntax)
    except (NotImplementedError, RuntimeError) as error:
        pytest.skip(f"no encoder installed: {error}"[:80])
    np.testing.assert_array_equal(
        read_pixels(written(packed)), read_pixels(written(plain, "plain.dcm"))
    )


def jpeg(rows: int, columns: int) -> bytes:
    ramp = np.linspace(0, 255, rows * columns).reshape(rows, columns).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(ramp).save(file, "JPEG", quality=95)
    return file.getvalue()


def test_baseline_jpeg_is_decoded(written, encoded):
    shown = read_pixels(written(encoded(JPEGBaseline8Bit, jpeg(40, 30))))
    np.testing.assert_allclose(shown, np.linspace(0, 1, 1200).reshape(40, 30), atol=0.03)


def test_a_code_stream_larger_than_its_header_is_not_decoded(written, encoded, monkeypatch):
    def never(self: Dataset) -> None:
        raise AssertionError("decoded")

    path = written(encoded(JPEGBaseline8Bit, jpeg(400, 300)))
    monkeypatch.setattr(Dataset, "pixel_array", property(never))
    assert refused(path) == "damaged"


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEGExtended12Bit, JPEG2000Lossless])
def test_damaged_code_streams_are_refused(written, encoded, syntax):
    path = written(encoded(syntax, bytes(range(256)) * 2))
    assert describe_image(path, ImageRules())["usable"]
    assert refused(path) == "undecodable"


@pytest.mark.parametrize(
    ("header", "rule"),
    [
        ({"Rows": 65000, "Columns": 65000}, "too_large"),
        ({"Rows": 41}, "undecodable"),
        ({"PixelData": None}, "undecodable"),
        ({"PixelData": bytes(2400)}, "blank"),
        ({"RescaleSlope": "0", "RescaleIntercept": "5"}, "blank"),
        ({"RescaleSlope": "1e400", "RescaleIntercept": "0"}, "damaged"),
        ({"NumberOfFrames": "2", "PixelData": bytes(4800)}, "multi_frame"),
    ],
)
def test_headers_that_cannot_be_shown_are_refused(written, radiograph, header, rule):
    assert refused(written(radiograph(**header))) == rule


def test_pictures_of_8_and_16_bits_show_the_same(written):
    fine = Image.fromarray((RAMP * 54).astype(np.uint16))
    coarse = Image.fromarray((RAMP * 54 // 257).astype(np.uint8))
    sixteen, eight = read_pixels(written(fine, "a.png")), read_pixels(written(coarse, "b.png"))
    assert sixteen.dtype == eight.dtype == np.float32
    np.testing.assert_allclose(sixteen, RAMP * 54 / 65535, atol=1e-6)
    np.testing.assert_allclose(sixteen, eight, atol=1 / 255)
    coloured = read_pixels(written(coarse.convert("RGBA"), "c.png"))
    np.testing.assert_allclose(coloured, eight, atol=1 / 255)


def test_a_picture_cut_short_is_refused(written):
    whole = written(Image.fromarray(jpeg_array()), "a.jpg").read_bytes()
    assert refused(written(whole[: len(whole) // 2], "cut.jpg")) == "damaged"
    assert refused(written(b"", "empty.jpg")) == "empty"


def jpeg_array() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (200, 200), dtype=np.uint8)


def test_an_image_whose_orientation_is_damaged_is_refused(written, radiograph):
    path = written(radiograph(PatientOrientation=["L", "F"], **WHOLE))
    whole = path.read_bytes()
    assert whole.count(b"\x20\x00\x20\x00CS") == 1
    path.write_bytes(whole.replace(b"\x20\x00\x20\x00CS", b"\x20\x00\x20\x00C\x00"))
    assert refused(path) == "damaged"


@settings(
    deadline=None,
    max_examples=50,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_damage_leads_to_pixels_or_one_kind_of_error(written, radiograph, data):
    whole = bytearray(written(radiograph(PatientOrientation=["L", "F"], **WHOLE)).read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(132, 800))] = data.draw(st.integers(0, 255))
    path = written(bytes(whole), "damaged.dcm")
    try:
        shown = read_pixels(path)
    except UnusableImage:
        return
    assert shown.dtype == np.float32
    assert shown.ndim == 2
    assert shown.min() >= 0
    assert shown.max() <= 1


def test_a_damaged_header_is_not_quoted_in_warnings_or_logs(written, radiograph, caplog, recwarn):
    path = written(radiograph())
    path.write_bytes(path.read_bytes().replace(b"1.2.3.4\0", b"MEYER^A\0"))
    describe_image(path, ImageRules())
    read_pixels(path)
    assert "MEYER" not in caplog.text
    assert not [warning for warning in recwarn if "MEYER" in str(warning.message)]


@pytest.mark.real_data
def test_public_radiographs_are_decoded_or_refused_by_rule():
    if not os.environ.get("RADSIM_DATA"):
        pytest.skip("RADSIM_DATA is not set")
    folder = Path(os.environ["RADSIM_DATA"]) / "dicom"
    relaxed = ImageRules(modalities=("CR", "DX", "CT"), body_parts=("CHEST", "THORAX", "HIP"))
    seen = {}
    for path in sorted(folder.glob("*.dcm")):
        found = describe_image(path, ImageRules())
        assert describe_image(path, relaxed)["usable"]
        try:
            shown = read_pixels(path)
        except UnusableImage as error:
            seen[path.name] = (found["reason"], error.rule)
            continue
        assert shown.shape == (found["rows"], found["columns"])
        assert (shown.min(), shown.max()) == (0, 1)
        seen[path.name] = (found["reason"], shown)
    assert len(seen) == 9
    usable = {name for name, (reason, _) in seen.items() if reason is None}
    assert usable == {"rsna_cr_jpeg.dcm", "udacity_test1.dcm", "udacity_test2.dcm"}
    assert seen["udacity_test5.dcm"][0].startswith("modality: modality CT")
    hips = [name for name in seen if name.startswith("RG2_")]
    assert all(seen[name][0].startswith("body_part: body part HIP") for name in hips)
    # The same image in five encodings: four lossless, and one that no installed decoder reads.
    assert seen["RG2_JPLY.dcm"][1] == "undecodable"
    lossless = [seen[name][1] for name in hips if name != "RG2_JPLY.dcm"]
    assert all(np.array_equal(lossless[0], other) for other in lossless[1:])
