"""Is the reasoning for show? Finds verification and repair in a rollout, and what could not have changed anything."""
