"""What Athena charges for a query, from the bytes it scanned."""

MEGABYTE = 1 << 20
TERABYTE = 1 << 40
DOLLARS_PER_TERABYTE = 5.0
MINIMUM_BYTES = 10 * MEGABYTE


def billed_bytes(bytes_scanned: int) -> int:
    """Round up to a megabyte, and to at least 10 MB, as every SELECT is charged."""
    whole = -(-bytes_scanned // MEGABYTE) * MEGABYTE
    return max(whole, MINIMUM_BYTES)


def dollars(billed: int) -> float:
    """Price the billed bytes in US dollars, at the rate most regions have."""
    return billed / TERABYTE * DOLLARS_PER_TERABYTE
