"""Pages about the web API for people: its documentation, and one page for each kind of problem."""
