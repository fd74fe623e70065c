"""What is older than what it is made from, and what runs were asked to read."""
