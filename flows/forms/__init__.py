"""The forms that a person fills in in the Prefect UI, one flow each: checked here, entered in the ledger, never kept in Prefect."""
