"""Hops 5 and 6 of 6: received symbols to images."""
