"""Bits over a channel: entropy coding, error correction, constellations and the table of rates."""
