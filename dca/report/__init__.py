"""From assignments to something a person can look at: the terminal view and one self-contained page."""
