import contextlib
import gc
import hashlib
import json
import os
import struct
import warnings
import zlib
from importlib import import_module
from pathlib import Path

import h5py
import numpy as np
import pytest

from stackmotif.errors import CalibrationError, ReadError
from stackmotif.micrograph import Micrograph, read

PIXELS = (np.random.default_rng(3).random((24, 40)) * 1000).astype(np.float32)
REAL = Path(os.environ.get("STACKMOTIF_REAL_DATA", ""))
needs_real_data = pytest.mark.skipif(
    "STACKMOTIF_REAL_DATA" not in os.environ, reason="STACKMOTIF_REAL_DATA names no folder"
)


def signal(data, *, scale=0.02, unit="nm", scale_x=None, unit_x=None, title="HAADF"):
    def axis(i, name, size, step, units, navigate):
        return {
            "name": name,
            "size": size,
            "index_in_array": i,
            "scale": step,
            "offset": 0.0,
            "units": units,
            "navigate": navigate,
            "_type": "UniformDataAxis",
            "is_binned": False,
        }

    n = data.ndim
    axes = [axis(i, "frame", data.shape[i], 1.0, "s", True) for i in range(n - 2)]
    axes.append(axis(n - 2, "y", data.shape[-2], scale, unit, False))
    axes.append(axis(n - 1, "x", data.shape[-1], scale_x or scale, unit_x or unit, False))
    return {
        "data": data,
        "axes": axes,
        "metadata": {"General": {"title": title}, "Signal": {"signal_type": ""}},
        "original_metadata": {},
        "attributes": {"_lazy": False, "ragged": False},
        "package": "",
        "package_version": "",
        "learning_results": {},
        "models": {},
        "tmp_parameters": {},
        "package_info": {},
    }


def write(path, plugin, data=PIXELS, **kwargs):
    import_module(f"rsciio.{plugin}").file_writer(str(path), signal(data, **kwargs))
    return path


def write_mrc(path, data, *, length_A, sampling):
    header = bytearray(1024)
    ny, nx = data.shape
    struct.pack_into("<10I", header, 0, nx, ny, 1, 2, 0, 0, 0, *sampling)
    struct.pack_into("<3f", header, 40, *length_A)
    path.write_bytes(bytes(header) + data.astype("<f4").tobytes())
    return path


def write_ser(path, data, *, pixel_m):
    ny, nx = data.shape
    head = struct.pack("<HHHIIIII", 0x4949, 0x0197, 0x0210, 0x4122, 0x4152, 1, 1, 0)
    dimension = struct.pack("<IddII", 1, 0.0, 1.0, 0, 6) + b"Number" + struct.pack("<I", 0)
    start = len(head) + 4 + len(dimension)
    head = head[:-4] + struct.pack("<I", start)
    body = struct.pack("<ddiddiHii", 0.0, pixel_m, 0, 0.0, pixel_m, 0, 7, nx, ny)
    body += data.astype("<f4")[::-1].tobytes()
    first, tag = start + 8, start + 8 + len(body)
    offsets = struct.pack("<II", first, tag)
    path.write_bytes(
        head + struct.pack("<I", 1) + dimension + offsets + body + struct.pack("<HHI", 0x4152, 0, 0)
    )
    return path


def write_velox(path, images, *, pixel_m):
    with h5py.File(path, "w") as file:
        version = json.dumps({"format": "Velox", "version": "1.10"}).encode()
        file["Version"] = np.array([version], dtype=h5py.string_dtype())
        for i, (name, stack) in enumerate(images.items()):
            group = file.create_group(f"Data/Image/{i:032x}")
            group["Data"] = np.moveaxis(stack, 0, -1)
            text = {
                "Core": {"MetadataDefinitionVersion": "7.9", "MetadataSchemaVersion": "v1/2013/07"},
                "BinaryResult": {
                    "PixelSize": {"width": str(pixel_m), "height": str(pixel_m)},
                    "Offset": {"x": "0", "y": "0"},
                    "PixelUnitX": "m",
                    "PixelUnitY": "m",
                    "Detector": name,
                    "DetectorIndex": "0",
                },
                "Scan": {"FrameTime": "1.0"},
                "Detectors": {"Detector-0": {"DetectorName": name}},
                "Instrument": {"InstrumentClass": "Titan"},
                "Acquisition": {"AcquisitionStartDatetime": {"DateTime": "0"}},
                "Optics": {"AccelerationVoltage": "300000"},
            }
            raw = np.frombuffer(json.dumps(text).encode(), dtype=np.uint8)
            padded = np.zeros((len(raw) + 16, stack.shape[0]), dtype=np.uint8)
            padded[: len(raw)] = raw[:, None]
            group["Metadata"] = padded
            operation = json.dumps({"detector": name, "dataPath": group.name})
            display = np.array([operation.encode()], dtype=h5py.string_dtype())
            file[f"Operations/StemInputOperation/{i:032x}"] = display
    return path


@pytest.mark.parametrize(("suffix", "plugin"), [("tif", "tiff"), ("hspy", "hspy"), ("emd", "emd")])
def test_a_written_file_comes_back_with_its_calibration(tmp_path, suffix, plugin):
    path = write(tmp_path / f"image.{suffix}", plugin)
    micrograph = read(path, detector="haadf")
    np.testing.assert_array_equal(micrograph.image, PIXELS)
    assert micrograph.pixel_size_A == pytest.approx(0.2, rel=1e-6)
    assert (micrograph.name, micrograph.detector) == ("image", "haadf")
    assert micrograph.metadata["source"] == path.name
    assert micrograph.metadata["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert "nm" in micrograph.metadata["stated_pixel_size"]


def test_a_tif_in_micrometres(tmp_path):
    path = write(tmp_path / "image.tif", "tiff", scale=2e-5, unit="µm")
    assert read(path).pixel_size_A == pytest.approx(0.2, rel=1e-4)


def test_npy_and_png_need_a_pixel_size(tmp_path):
    np.save(tmp_path / "image.npy", PIXELS)
    write(tmp_path / "image.png", "image", PIXELS.astype(np.uint8))
    for name in ("image.npy", "image.png"):
        with pytest.raises(CalibrationError, match=rf"{name}: .*pass pixel_size_A"):
            read(tmp_path / name)
        micrograph = read(tmp_path / name, pixel_size_A=0.2)
        assert micrograph.pixel_size_A == 0.2
        assert "the file gives none" in micrograph.history[-1]
    np.testing.assert_array_equal(read(tmp_path / "image.npy", pixel_size_A=0.2).image, PIXELS)


def test_mrc(tmp_path):
    lengths = (40 * 0.2, 24 * 0.2, 1.0)
    path = write_mrc(tmp_path / "a.mrc", PIXELS, length_A=lengths, sampling=(40, 24, 1))
    micrograph = read(path)
    np.testing.assert_array_equal(micrograph.image, PIXELS)
    assert micrograph.pixel_size_A == pytest.approx(0.2, rel=1e-6)


def test_mrc_without_sampling_is_not_one_nanometre(tmp_path):
    path = write_mrc(tmp_path / "a.mrc", PIXELS, length_A=(0, 0, 0), sampling=(0, 0, 0))
    with pytest.raises(CalibrationError, match="gives no pixel size"):
        read(path)


def test_mrc_shorter_than_its_header_claims(tmp_path):
    path = write_mrc(tmp_path / "a.mrc", PIXELS, length_A=(8, 4.8, 1), sampling=(40, 24, 1))
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ReadError, match="2000 bytes, less than its header claims"):
        read(path)


def test_ser(tmp_path):
    square = PIXELS[:24, :24]
    micrograph = read(write_ser(tmp_path / "a.ser", square, pixel_m=2e-11))
    np.testing.assert_array_equal(micrograph.image, square)
    assert micrograph.pixel_size_A == pytest.approx(0.2, rel=1e-6)


def test_velox_emd_picks_the_image_of_the_detector(tmp_path):
    stacks = {"HAADF": PIXELS[None, :24, :24], "BF": PIXELS[None, :24, 16:40]}
    path = write_velox(tmp_path / "a.emd", stacks, pixel_m=2e-11)
    adf, bf = read(path), read(path, detector="bf")
    np.testing.assert_array_equal(adf.image, stacks["HAADF"][0])
    np.testing.assert_array_equal(bf.image, stacks["BF"][0])
    assert adf.pixel_size_A == pytest.approx(0.2, rel=1e-6)
    assert "took 'HAADF' of HAADF, BF" in adf.history
    with pytest.raises(ReadError, match=r"2 images \(HAADF, BF\).*'idpc'"):
        read(path, detector="idpc")


def test_a_stack_is_summed_or_one_frame_taken(tmp_path):
    stack = np.stack([PIXELS, 2 * PIXELS, 5 * PIXELS])
    path = write(tmp_path / "stack.hspy", "hspy", stack)
    total, one = read(path), read(path, frame=1)
    np.testing.assert_allclose(total.image, 8 * PIXELS, rtol=1e-6)
    np.testing.assert_array_equal(one.image, 2 * PIXELS)
    assert "sum of 3 frames" in total.history
    assert "frame 1 of 3" in one.history
    for frame in (3, -1):
        with pytest.raises(ReadError, match=f"frame is {frame}; expected 0 to 2"):
            read(path, frame=frame)


def test_a_given_pixel_size_overrides_and_is_recorded(tmp_path):
    path = write(tmp_path / "image.hspy", "hspy", scale=0.02, unit="nm", unit_x="µm")
    with pytest.raises(CalibrationError, match="image axes disagree"):
        read(path)
    micrograph = read(path, pixel_size_A=0.3)
    assert micrograph.pixel_size_A == 0.3
    assert micrograph.history[-1].startswith("pixel size 0.3 Å given by the user; the file says")


def test_reciprocal_units_are_refused(tmp_path):
    path = write(tmp_path / "image.hspy", "hspy", unit="1/nm")
    with pytest.raises(CalibrationError, match="real space"):
        read(path)


def test_colour_is_refused_and_grey_colour_taken(tmp_path):
    imageio = pytest.importorskip("imageio.v3")
    rgb = np.zeros((16, 16, 3), dtype=np.uint8)
    for channel in range(3):
        rgb[...] = 7
        rgb[..., channel] = np.arange(16)
        for name in ("colour.png", "colour.tif"):
            imageio.imwrite(tmp_path / name, rgb)
            with pytest.raises(ReadError, match=rf"{name}: the image is coloured"):
                read(tmp_path / name, pixel_size_A=0.2)
    rgb[..., 0] = np.arange(16)
    grey = np.repeat(rgb[..., :1], 3, axis=2)
    imageio.imwrite(tmp_path / "grey.png", grey)
    imageio.imwrite(tmp_path / "grey.tif", grey)
    for name in ("grey.png", "grey.tif"):
        image = read(tmp_path / name, pixel_size_A=0.2).image
        np.testing.assert_array_equal(image, grey[..., 0])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.full((8, 8), np.nan), "64 values that are not finite"),
        (np.ones((8, 8), dtype=complex), "expected real numbers"),
        (np.ones((2, 2, 8, 8)), "4 axes"),
        (np.ones(8), "holds no image"),
        (np.ones((1, 8)), "two axes"),
        (np.ones((0, 50, 50)), r"\(0, 50, 50\), which holds no pixel"),
        (np.ones((3, 0, 50)), "which holds no pixel"),
    ],
)
def test_data_that_are_no_image(tmp_path, data, message):
    np.save(tmp_path / "bad.npy", data)
    with pytest.raises(ReadError, match=message):
        read(tmp_path / "bad.npy", pixel_size_A=0.2)


def test_paths_that_are_no_image_file(tmp_path):
    with pytest.raises(ReadError, match="does not exist"):
        read(tmp_path / "absent.tif")
    with pytest.raises(ReadError, match="is a folder"):
        read(tmp_path)
    (tmp_path / "empty.dm3").touch()
    with pytest.raises(ReadError, match="is empty"):
        read(tmp_path / "empty.dm3")
    (tmp_path / "notes.txt").write_text("text")
    with pytest.raises(ReadError, match=r"suffix '\.txt'; expected one of \.npy"):
        read(tmp_path / "notes.txt")


SUFFIXES = ("npy", "png", "tif", "dm3", "dm4", "emd", "ser", "emi", "mrc", "hspy", "hdf5")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("content", [b"not an image at all", bytes(4096), b"\xff" * 3000])
def test_damaged_files_give_one_clear_error(tmp_path, suffix, content):
    path = tmp_path / f"bad.{suffix}"
    path.write_bytes(content)
    with pytest.raises(ReadError, match=r"bad\."):
        read(path, pixel_size_A=0.2)


@pytest.mark.parametrize(("suffix", "plugin"), [("tif", "tiff"), ("hspy", "hspy"), ("emd", "emd")])
def test_truncated_files_give_one_clear_error(tmp_path, suffix, plugin):
    path = write(tmp_path / f"cut.{suffix}", plugin)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ReadError, match=r"cut\.\w+ (cannot be read as|has \d+ bytes, less than)"):
        read(path)


@pytest.mark.parametrize(("suffix", "plugin"), [("tif", "tiff"), ("hspy", "hspy"), ("emd", "emd")])
def test_a_truncated_file_does_not_stay_open(tmp_path, suffix, plugin):
    path = write(tmp_path / f"short.{suffix}", plugin)
    whole = path.read_bytes()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", ResourceWarning)
        for length in range(1, len(whole), max(1, len(whole) // 12)):
            path.write_bytes(whole[:length])
            with contextlib.suppress(ReadError):
                read(path)
        gc.collect()
    assert [str(w.message) for w in said if path.name in str(w.message)] == []


@pytest.mark.parametrize("path", [None, 5, ["image.npy"]])
def test_a_path_that_is_none_is_refused(path):
    with pytest.raises(ReadError, match="expected the path of an image file"):
        read(path)


@pytest.mark.parametrize("size", [None, "a", [0.2], float("nan"), 0, -1])
def test_a_pixel_size_that_is_no_length_is_refused(tmp_path, size):
    with pytest.raises(CalibrationError, match=r"pixel size is .*expected a finite positive"):
        Micrograph(PIXELS, size)
    np.save(tmp_path / "image.npy", PIXELS)
    if size is not None:
        with pytest.raises(CalibrationError, match=r"pixel size is .*expected a finite positive"):
            read(tmp_path / "image.npy", pixel_size_A=size)


@pytest.mark.parametrize("image", [None, "a", [[1, 2], [3]], PIXELS.astype(complex), {}])
def test_an_image_that_is_no_array_of_numbers_is_refused(image):
    with pytest.raises(ReadError, match=r"image (has values of type|is no array)"):
        Micrograph(image, 0.2)


@pytest.mark.parametrize("frame", ["a", 0.5])
def test_a_frame_that_is_no_whole_number_is_refused(tmp_path, frame):
    np.save(tmp_path / "image.npy", PIXELS)
    with pytest.raises(ReadError, match=r"frame is .*expected a whole number"):
        read(tmp_path / "image.npy", pixel_size_A=0.2, frame=frame)


def test_pickled_arrays_are_refused(tmp_path):
    np.save(tmp_path / "objects.npy", np.array([{}, {}], dtype=object), allow_pickle=True)
    with pytest.raises(ReadError, match="Python objects"):
        read(tmp_path / "objects.npy", pixel_size_A=0.2)


def test_size_is_refused_before_reading(tmp_path):
    np.save(tmp_path / "a.npy", PIXELS)
    write(tmp_path / "a.tif", "tiff")
    write(tmp_path / "a.hspy", "hspy")
    write(tmp_path / "a.png", "image", PIXELS.astype(np.uint8))
    for name in ("a.npy", "a.tif", "a.hspy", "a.png"):
        with pytest.raises(ReadError, match="more than the limit"):
            read(tmp_path / name, pixel_size_A=0.2, max_bytes=900)


def test_a_png_that_claims_the_world_is_refused(tmp_path):
    chunk = b"IHDR" + struct.pack(">IIBBBBB", 2**30, 2**30, 8, 0, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk
    path = tmp_path / "bomb.png"
    path.write_bytes(data + struct.pack(">I", zlib.crc32(chunk)))
    with pytest.raises(ReadError, match="claims 1099511627776 MiB"):
        read(path, pixel_size_A=0.2)


def test_hdf5_that_points_elsewhere_is_refused(tmp_path):
    target = write(tmp_path / "target.hspy", "hspy")
    with h5py.File(tmp_path / "link.hspy", "w") as file:
        file["Experiments"] = h5py.ExternalLink(str(target), "/Experiments")
    with pytest.raises(ReadError, match="links to another file"):
        read(tmp_path / "link.hspy")
    with h5py.File(tmp_path / "virtual.hspy", "w") as file:
        layout = h5py.VirtualLayout(shape=(4, 4), dtype="f4")
        layout[:] = h5py.VirtualSource(str(target), "/data", shape=(4, 4))
        file.create_virtual_dataset("data", layout)
    with pytest.raises(ReadError, match="from other files"):
        read(tmp_path / "virtual.hspy")


@needs_real_data
def test_real_dm3():
    micrograph = read(REAL / "CdTe_110_twin.dm3")
    assert micrograph.shape == (512, 512)
    assert micrograph.pixel_size_A == pytest.approx(0.20217, abs=1e-5)
    assert micrograph.metadata["title"] == "HAADF26"


@needs_real_data
def test_a_real_old_hyperspy_file_has_no_unit():
    path = REAL / "SrTiO3_110_ADF.hdf5"
    with pytest.raises(CalibrationError, match=r"if the unit is nm, pixel_size_A=0\.0932627"):
        read(path)
    assert read(path, pixel_size_A=0.0932627).shape == (999, 1012)
