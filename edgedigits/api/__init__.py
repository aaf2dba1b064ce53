"""The Python interface: every command of the command line is one function, whose results print, show and tabulate themselves."""
