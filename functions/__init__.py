"""The code that runs in Lambda: the lake's rules, and the transform and compact functions."""
