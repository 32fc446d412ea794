"""Which variant is to be used? Requirements, money, the decision and its words; knows nothing of how it is shown."""
