"""A corpus of functions for both event APIs, run in the sandbox and, where there is one, in Node."""
