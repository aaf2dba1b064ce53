"""An attack on every reader of the toolkit and of the device runner: spoiled files, and what became of the program.

kinds       what sorts of files there are, and how each is spoiled
seeds       right files of every kind, made here
mutations/  ways to spoil one
readers/    what reads them, as the commands call it
worker      a process in which readers are called, one file after another
pool        such a process seen from outside: time, memory, death
campaign    which file meets which reader, until the count or the time is reached
faults      what fell, by kind
"""
