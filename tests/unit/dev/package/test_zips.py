import os
import zipfile
from pathlib import Path

from dev.package.zips import unpack, unpacked_size, write_zip


def test_the_same_files_in_another_order_give_the_same_bytes(tmp_path: Path) -> None:
    write_zip(tmp_path / "a.zip", {"b.py": b"2", "a.py": b"1"})
    write_zip(tmp_path / "b.zip", {"a.py": b"1", "b.py": b"2"})
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_neither_time_nor_user_mask_shows_in_the_zip(tmp_path: Path) -> None:
    mask = os.umask(0o077)
    try:
        write_zip(tmp_path / "a.zip", {"a.py": b"1"})
    finally:
        os.umask(mask)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        (info,) = archive.infolist()
    assert info.date_time == (1980, 1, 1, 0, 0, 0)
    assert info.external_attr >> 16 == 0o100644
    assert info.create_system == 3


def test_files_come_out_as_they_went_in(tmp_path: Path) -> None:
    write_zip(tmp_path / "a.zip", {"package/a.py": b"1" * 100})
    unpack(tmp_path / "a.zip", tmp_path / "out")
    assert (tmp_path / "out/package/a.py").read_bytes() == b"1" * 100
    assert unpacked_size(tmp_path / "a.zip") == 100
    assert not (tmp_path / "a.part").exists()
