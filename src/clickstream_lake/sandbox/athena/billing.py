"""The bytes that Athena charges a query for, from those that it scanned."""

MEGABYTE = 1 << 20
MINIMUM_BYTES = 10 * MEGABYTE


def billed_bytes(bytes_scanned: int) -> int:
    """Round up to a megabyte, and to at least 10 MB, as every SELECT is charged."""
    whole = -(-bytes_scanned // MEGABYTE) * MEGABYTE
    return max(whole, MINIMUM_BYTES)
