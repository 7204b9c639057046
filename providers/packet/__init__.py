"""What does a person need, to say it instead of us?

One ZIP archive: steps, letter, identifiers as the provider wants them, the form's questions with their answers,
and what to record afterwards. It names accounts, so it exists in memory and in the sealed record only.
"""
