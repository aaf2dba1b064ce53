"""The points of a search: what is asked, what can be chosen, what it costs, and how short trainings are looked at."""
