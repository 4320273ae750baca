"""Landing files in, a new generation out, swapped in without queries noticing."""
