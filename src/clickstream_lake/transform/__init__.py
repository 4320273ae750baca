"""Raw object in, JSON and Parquet landing files out, each made visible once."""
