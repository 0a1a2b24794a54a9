"""Scoring against labelled data: what a detector finds, beside what cheap rules find. Nothing here judges a step itself."""
