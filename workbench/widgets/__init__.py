"""What screens are made of. A widget takes plain data and returns what was chosen; none knows the project."""
