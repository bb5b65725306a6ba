"""Sample functions, run as their users run them."""
