"""Who judges: everything here has ``.review(transcript, steps) -> Review``."""
