"""Compaction: two thousand small files of both formats, merged."""
