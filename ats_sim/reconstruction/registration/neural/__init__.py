"""Where a single picture was taken, learned for one home from renders of its map."""
