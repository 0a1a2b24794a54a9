"""The credit laboratory: small worlds, a small policy, and the ways to give its steps credit."""
