"""A raw object's bytes -> blocks of whole lines."""
