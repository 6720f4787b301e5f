"""CIFAR's binary versions: from folders and archives, never unpickled."""

import pickle
import tarfile
from pathlib import Path

import pytest
import torch

from archbuilder.data import ImageSet, load_data
from archbuilder.data.address import parse_address
from archbuilder.data.cifar import load_cifar10, load_cifar100
from archbuilder.errors import ArchbuilderError

PIXELS = 3 * 32 * 32
FOLDERS = {"cifar10": "cifar-10-batches-bin", "cifar100": "cifar-100-binary"}


def record(label: int, *, coarse: bytes = b"") -> bytes:
    """Make a record whose red, green and blue pixels tell planes, rows and columns apart."""
    pixels = torch.arange(PIXELS).mul(7).add(label).remainder(256)
    return coarse + bytes([label]) + bytes(pixels.tolist())


def write_ten(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for batch in range(1, 6):
        (folder / f"data_batch_{batch}.bin").write_bytes(
            b"".join(record(label) for label in (2 * batch - 2, 2 * batch - 1)) * 5
        )
    (folder / "test_batch.bin").write_bytes(b"".join(record(label) for label in (3, 9)))
    (folder / "batches.meta.txt").write_text("\n".join(f"class{number}" for number in range(10)) + "\n\n")
    return folder


def write_hundred(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "train.bin").write_bytes(b"".join(record(label, coarse=b"\x13") for label in range(100)) * 5)
    (folder / "test.bin").write_bytes(record(99, coarse=b"\x00"))
    (folder / "fine_label_names.txt").write_text("\n".join(f"fine{number}" for number in range(100)) + "\n")
    (folder / "coarse_label_names.txt").write_text("animals\n")
    return folder


def pack(folder: Path) -> Path:
    path = folder.parent / "cifar.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, arcname=folder.name)
    return path


@pytest.fixture
def ten(tmp_path: Path) -> Path:
    return write_ten(tmp_path / FOLDERS["cifar10"])


def test_records_of_ten_classes(ten: Path) -> None:
    data = load_cifar10(parse_address(f"cifar10:{ten}"))
    assert data.class_names == tuple(f"class{number}" for number in range(10))
    assert data.train.labels.tolist() == [label for batch in range(5) for label in [2 * batch, 2 * batch + 1] * 5]
    assert isinstance(data.test, ImageSet)
    assert data.test.labels.tolist() == [3, 9]
    plane = torch.arange(PIXELS).mul(7).add(9).remainder(256).reshape(3, 32, 32)
    assert torch.equal(data.test.images[1].long(), plane)


def test_fine_labels_of_a_hundred_classes(tmp_path: Path) -> None:
    data = load_cifar100(parse_address(f"cifar100:{write_hundred(tmp_path / 'c')}"))
    assert data.train.labels.tolist() == list(range(100)) * 5
    assert data.class_names[99] == "fine99"
    assert isinstance(data.test, ImageSet)
    assert int(data.test.images[0, 0, 0, 0]) == 99  # the pixels begin after both labels


@pytest.mark.parametrize(("kind", "write"), [("cifar10", write_ten), ("cifar100", write_hundred)])
def test_the_folder_the_one_above_and_the_archive_are_the_same(kind: str, write: object, tmp_path: Path) -> None:
    assert callable(write)
    folder = write(tmp_path / FOLDERS[kind])
    read = [load_data(f"{kind}:{place}") for place in (folder, tmp_path, pack(folder))]
    for other in read[1:]:
        for a, b in ((read[0].train, other.train), (read[0].open_test(), other.open_test())):
            assert isinstance(a, ImageSet)
            assert isinstance(b, ImageSet)
            assert torch.equal(a.images, b.images)
            assert torch.equal(a.labels, b.labels)
    assert sorted(path.name for path in tmp_path.iterdir()) == [FOLDERS[kind], "cifar.tar.gz"]  # nothing is extracted


def test_members_of_an_archive_that_are_no_files_are_not_followed(ten: Path) -> None:
    target = ten / "test_batch.bin"
    moved = ten.parent / "elsewhere.bin"
    target.rename(moved)
    target.symlink_to(moved)
    with pytest.raises(
        ArchbuilderError, match=r"cifar\.tar\.gz: missing test_batch\.bin of the binary version of CIFAR-10"
    ):
        load_data(f"cifar10:{pack(ten)}")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "data_batch_2.bin",
            record(1) + record(2)[:-1],
            r"data_batch_2\.bin: found 6,145 bytes, expected a multiple of 3,073",
        ),
        ("test_batch.bin", b"", r"test_batch\.bin: found 0 bytes, expected a multiple of 3,073"),
        (
            "data_batch_3.bin",
            record(1) + record(10),
            r"data_batch_3\.bin: found the label 10 in record 1, expected 0 to 9 \(",
        ),
        ("batches.meta.txt", b"one\ntwo\n", r"batches\.meta\.txt: found 2 names, expected 10, one a line"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_damaged_files(ten: Path, name: str, content: bytes, message: str, packed: bool) -> None:
    (ten / name).write_bytes(content)
    with pytest.raises(ArchbuilderError, match=message):
        load_data(f"cifar10:{pack(ten) if packed else ten}")


@pytest.mark.parametrize("packed", [False, True])
def test_the_python_version_is_never_unpickled(tmp_path: Path, packed: bool) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    (folder / "data_batch_1").write_bytes(pickle.dumps(Trap()))
    message = r"the Python version of CIFAR-10, which is pickled and could run code.*needed: cifar-10-binary\.tar\.gz$"
    with pytest.raises(ArchbuilderError, match=message):
        load_data(f"cifar10:{pack(folder) if packed else folder}")


class Trap:
    def __reduce__(self) -> tuple[object, ...]:
        return pytest.fail, ("it was unpickled",)


def test_missing_files_are_named_beside_those_found(ten: Path) -> None:
    (ten / "data_batch_4.bin").unlink()
    with pytest.raises(
        ArchbuilderError, match=r"missing data_batch_4\.bin of the binary.*; found batches\.meta\.txt, data_"
    ):
        load_data(f"cifar10:{ten}")
    with pytest.raises(
        ArchbuilderError, match=r"missing train\.bin, test\.bin, fine_label_names\.txt .*CIFAR-100; found"
    ):
        load_data(f"cifar100:{ten}")


@pytest.mark.parametrize("share", [0, 0.1, 0.5])
def test_a_damaged_archive(ten: Path, share: float) -> None:
    path = pack(ten)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))] or b"<html>")
    with pytest.raises(ArchbuilderError, match=r"cifar\.tar\.gz: the gzip file is damaged or cut off; fetch it again$"):
        load_data(f"cifar10:{path}")


def test_a_file_that_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "cifar.tar").write_bytes(b"<html>not found</html>" * 100)
    with pytest.raises(
        ArchbuilderError, match=r"cifar\.tar: is not an archive of the binary version \(\.tar\.gz\), or it is da"
    ):
        load_data(f"cifar10:{tmp_path / 'cifar.tar'}")


def test_a_checksum_that_is_wrong(ten: Path) -> None:
    path = pack(ten)
    content = bytearray(path.read_bytes())
    content[-8] ^= 1  # the checksum of all that is in it: no more than a bit of the pixels may have changed
    path.write_bytes(content)
    with pytest.raises(ArchbuilderError, match=r"cifar\.tar\.gz: the gzip file is damaged or cut off; fetch it again$"):
        load_data(f"cifar10:{path}")


def test_an_archive_by_another_name(ten: Path) -> None:
    path = pack(ten).rename(ten.parent / "cifar.tgz")
    assert load_data(f"cifar10:{path}").classes == 10
