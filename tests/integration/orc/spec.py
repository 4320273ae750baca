"""What ORC is to a lake."""

from typing import Final

from clickstream_lake.lake.formats import FormatSpec, Storage

ORC: Final = FormatSpec(
    name="orc",
    title="ORC",
    content_type="application/vnd.apache.orc",
    storage=Storage(
        input_format="org.apache.hadoop.hive.ql.io.orc.OrcInputFormat",
        output_format="org.apache.hadoop.hive.ql.io.orc.OrcOutputFormat",
        serde="org.apache.hadoop.hive.ql.io.orc.OrcSerde",
    ),
    typed=True,
    writer="tests.integration.orc.landing:OrcOutput",
    merger="tests.integration.orc.merging:orc_merge",
    reader="tests.integration.orc.merging:OrcReader",
)
