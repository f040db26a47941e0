"""The benchmark: what is measured, how, and how it is shown. tools/bench runs it."""
