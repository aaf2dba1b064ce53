"""Pages: tables and figures in HTML and Markdown whose every number says where in a JSON document it stands."""
