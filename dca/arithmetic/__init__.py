"""The arithmetic of a rollout: its equations, what was made of what, and the final answer; judges nothing."""
