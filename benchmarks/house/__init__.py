"""How the house is built: what lies in each folder, who imports whom, how often a type is left open.

reading    the modules of a checkout and their imports, against the tables of who may import whom
counting   entries, files to a folder, `Any`, names that are defined more than once
touching   the files that a new stage, export, runtime or task takes, shown by tests
before     the bytes that recipes give, and the seconds of the tests, against an earlier commit
"""
