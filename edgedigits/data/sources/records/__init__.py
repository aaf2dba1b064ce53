"""Images as bytes in files of records: Parquet and TFRecord."""
