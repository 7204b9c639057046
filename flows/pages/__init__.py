"""What does the contact team read in the Prefect UI? Pages, made from the ledger alone, and anew at any time."""
