"""What happened?

The append-only record of every request, its index of what is due, and the vault of sealed identifiers.
Nothing is decided here and nothing is sent; state is handed in by the caller's pure fold.
"""
