"""Jobs that write one record an item and resume after a kill."""
