"""The forms that a person fills in in the Prefect UI, one flow each.

What is entered is checked here and recorded in the ledger; Prefect keeps no more of it than the record shows anyway.
"""
