"""The quiet room: pure functions from text, reviews and offsets to credits; no models, networks or torch."""
