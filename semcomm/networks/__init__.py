"""The networks that hops 2, 5 and 6 are made of."""
