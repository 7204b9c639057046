"""When, and what next?

The pure room: day counting, clocks, coverage, and the decision what to do about a hold. Every function
takes ``now`` as an argument and returns a value with its reason. Nothing here reads a clock, a file, a
network or an environment variable, and nothing outside the standard library is imported.
"""
