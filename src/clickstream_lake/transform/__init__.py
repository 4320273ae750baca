"""Raw object in, JSON and Parquet landing files out, made visible once."""
