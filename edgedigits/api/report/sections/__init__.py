"""The sections of a report, one idea a file, each made of places in the document alone."""
