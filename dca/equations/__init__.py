"""Finds the equations in a text and certifies them with exact rationals; knows nothing of steps or reviews."""
