"""A machine reached over the user's own OpenSSH: what it is, files there, commands there.

One ssh process per session. It starts Python on the device with a constant command; everything else, names and settings
included, travels as JSON lines and counted bytes over its stdin and stdout, so nothing of it ever meets a shell.
"""
