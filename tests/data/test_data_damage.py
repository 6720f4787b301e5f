"""Whatever happens to a file, it is read or an error of ours names it."""

import gzip
import io
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from archbuilder.data import load_data
from archbuilder.errors import ArchbuilderError

LABELS = np.arange(40, dtype=np.uint8) % 2
IMAGES = np.random.default_rng(0).integers(0, 256, (40, 4, 4), dtype=np.uint8)


def idx(folder: Path) -> tuple[str, Path]:
    for part in ("train", "t10k"):
        (folder / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">4I", 0x803, 40, 4, 4) + IMAGES.tobytes())
        labels = struct.pack(">2I", 0x801, 40) + LABELS.tobytes()
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels, mtime=0))
    return f"idx:{folder}", folder / "train-images-idx3-ubyte"


def gzipped_idx(folder: Path) -> tuple[str, Path]:
    return idx(folder)[0], folder / "train-labels-idx1-ubyte.gz"


def npz(folder: Path) -> tuple[str, Path]:
    np.savez(folder / "set.npz", images=IMAGES, labels=LABELS)
    return f"npz:{folder / 'set.npz'}", folder / "set.npz"


def compressed_npz(folder: Path) -> tuple[str, Path]:
    np.savez_compressed(folder / "set.npz", images=IMAGES, labels=LABELS)
    return f"npz:{folder / 'set.npz'}", folder / "set.npz"


def cifar(folder: Path) -> tuple[str, Path]:
    records = b"".join(bytes([label]) + bytes(3072) for label in range(10)) * 2
    names = "\n".join(map(str, range(10))).encode()
    files = {f"data_batch_{number}.bin": records for number in range(1, 6)}
    with tarfile.open(folder / "cifar.tar.gz", "w:gz") as archive:
        for name, content in (files | {"test_batch.bin": records, "batches.meta.txt": names}).items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return f"cifar10:{folder / 'cifar.tar.gz'}", folder / "cifar.tar.gz"


def picture(folder: Path, suffix: str) -> tuple[str, Path]:
    for label in "ab":
        (folder / label).mkdir(exist_ok=True)
        for number in range(8):
            Image.fromarray(IMAGES[number]).save(folder / label / f"{number}.{suffix}")
    return f"folder:{folder}@4", folder / "a" / f"0.{suffix}"


def png(folder: Path) -> tuple[str, Path]:
    return picture(folder, "png")


def jpeg(folder: Path) -> tuple[str, Path]:
    return picture(folder, "jpg")


def tiff(folder: Path) -> tuple[str, Path]:
    return picture(folder, "tif")


# Pillow warns of tags that it cannot make sense of, of images that are truncated, and of those that are very large.
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("write", [idx, gzipped_idx, npz, compressed_npz, cifar, png, jpeg, tiff])
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    places=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=4), kept=st.floats(0, 1) | st.just(1.0)
)
def test_damage(
    tmp_path: Path, write: Callable[[Path], tuple[str, Path]], places: list[tuple[float, int]], kept: float
) -> None:
    address, path = write(tmp_path)
    content = bytearray(path.read_bytes())
    for place, value in places:
        content[int(place * (len(content) - 1))] = value
    path.write_bytes(content[: int(kept * len(content))])
    try:
        data = load_data(address)
    except ArchbuilderError as error:
        assert str(tmp_path) in str(error)  # noqa: PT017 - an error is one of two things that may come
    else:
        assert len(data.train) > len(data.validation) > 0
