"""The device side of edgedigits: files in, result.json out, with NumPy and one interpreter, nothing else.

    python -m edgedigits_runner bench job.json result.json     accuracy, and latency in alternating windows
    python -m edgedigits_runner probe job.json result.json     memory, load and first inference of one model alone

Runs on Python 3.9+ and NumPy 1 or 2. Exit codes: 0 fine; 2 the job, a model, the data or the runtime is unusable, as
one line of JSON on stderr and the `error` of the result say.
"""

SCHEMA = 1
