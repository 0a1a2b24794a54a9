"""DCA: reviewer-granted dense credit assignment for RL of reasoning models."""

__version__ = "0.1.0"
