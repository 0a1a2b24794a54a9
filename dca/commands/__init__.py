"""What each `dca` command does: options in, words and files out."""
