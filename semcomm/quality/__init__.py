"""How good what arrived is."""
