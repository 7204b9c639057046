"""How is it said to that provider?

One adapter per protocol, behind one small interface (`providers.interface`). An adapter builds, sends
once and reads; it knows nothing of deadlines, of the ledger or of Prefect, and never retries.
"""
