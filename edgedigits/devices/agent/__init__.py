"""The part that runs on the device: sent as text through ssh, never installed, gone when the connection ends.

It needs Python 3.9 and the standard library. `boot.py` is read by any Python 3.6 and answers for those too old.
"""
