from pathlib import Path

import pytest
from isal import isal_zlib

from dev.package import elf, layer
from dev.package.layer import LayerError
from dev.package.proof import this_architecture


@pytest.mark.parametrize(
    "name",
    [
        "pyarrow/include/arrow/api.h",
        "pyarrow/tests/test_array.py",
        "pyarrow/lib.pyx",
        "pyarrow/libarrow_flight.so.2600",
        "pyarrow/libarrow_s3.so.2600",
        "pyarrow/_s3fs.cpython-313-aarch64-linux-gnu.so",
        "pyarrow/_dataset_orc.cpython-313-aarch64-linux-gnu.so",
        "pyarrow/flight.py",
        "pyarrow/libarrow_python.so",
        "pyarrow/libarrow_python.so.2600.1.0",
        "botocore/data/ec2/2016-11-15/service-2.json.gz",
        "aws_lambda_powertools/event_handler/api_gateway.py",
        "boto3-1.44.5.dist-info/RECORD",
        "six.cpython-313.pyc",
        "__pycache__/six.py",
        "bin/jp.py",
    ],
)
def test_what_functions_never_load_stays_out(name: str) -> None:
    assert layer._PRUNED.search(name)


@pytest.mark.parametrize(
    "name",
    [
        "pyarrow/lib.cpython-313-aarch64-linux-gnu.so",
        "pyarrow/_dataset.cpython-313-aarch64-linux-gnu.so",
        "pyarrow/_parquet.cpython-313-aarch64-linux-gnu.so",
        "pyarrow/libarrow.so.2600",
        "pyarrow/libarrow_python.so.2600",
        "pyarrow/libarrow_substrait.so.2600",
        "pyarrow/fs.py",
        "pyarrow/parquet/core.py",
        "botocore/data/s3/2006-03-01/service-2.json.gz",
        "botocore/data/endpoints.json",
        "botocore/data/sdk-default-configuration.json",
        "botocore/cacert.pem",
        "pyarrow-26.0.1.dist-info/licenses/LICENSE.txt",
        "aws_lambda_powertools/metrics/__init__.py",
    ],
)
def test_what_functions_load_and_every_licence_goes_in(name: str) -> None:
    assert not layer._PRUNED.search(name)


def test_an_object_of_the_other_architecture_is_refused() -> None:
    here = this_architecture()
    if here is None:
        pytest.skip("reads this Linux's own files")
    files = {"isal_zlib.so": Path(isal_zlib.__file__).read_bytes()}
    layer._check_shared_objects(files, files, here)
    other = {"arm64": "x86_64", "x86_64": "arm64"}[here]
    with pytest.raises(LayerError, match=f"not built for {other}"):
        layer._check_shared_objects(files, files, other)


def test_a_library_that_another_needs_cannot_be_pruned_away() -> None:
    here = this_architecture()
    if here is None:
        pytest.skip("reads this Linux's own files")
    kept = {"isal_zlib.so": Path(isal_zlib.__file__).read_bytes()}
    needed = elf.needed(kept["isal_zlib.so"])[0]
    with pytest.raises(LayerError, match="pruned away"):
        layer._check_shared_objects({**kept, f"libs/{needed}": b""}, kept, here)


def test_a_requirement_without_a_hash_is_refused(tmp_path: Path) -> None:
    requirements = tmp_path / "layer.txt"
    requirements.write_text("six==1.17.0\n")
    with pytest.raises(LayerError, match="could not get the arm64 wheels"):
        layer.layer_files([requirements], "arm64")
