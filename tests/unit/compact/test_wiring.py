from pathlib import Path
from typing import Any

from clickstream_lake.compact.merge.merging import Input
from clickstream_lake.compact.wiring import wire
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.lake.config import load_config


def test_a_field_named_like_a_key_of_this_lake_is_no_column(tmp_path: Path) -> None:
    config = load_config(
        {
            "LAKE_BUCKET": "lake",
            "LAKE_DATABASE": "lake",
            "LAKE_PARTITION_KEYS": "year,month,day,hour",
        }
    )
    nowhere: Any = None
    merge = wire(config, load_catalog(), nowhere, queue=None).compactor.builder.merges["json"]
    (tmp_path / "in.json").write_bytes(b'{"hour":3,"minute":4}\n')
    (merged,) = merge([Input(tmp_path / "in.json", catalog="another")], tmp_path, stem="m").files
    assert merged.path.read_bytes() == b'{"minute":4,"extra":{"hour":3}}\n'
