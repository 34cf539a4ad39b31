"""Fitting the hybrid code's statistics to photographs: closed form and hard expectation-maximisation."""
