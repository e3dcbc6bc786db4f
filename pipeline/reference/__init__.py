"""What the code says of itself, for people: the keys of the configuration and the columns of the tables."""
