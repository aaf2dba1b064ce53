"""The bare script that the runner is measured against: import, load, invoke, and nothing else.

    python bare.py MODEL.tflite [SECONDS]

With SECONDS it goes on invoking that long and prints the median of invoke() in nanoseconds and its peak memory in KiB.
"""

import sys
from time import perf_counter, perf_counter_ns

import numpy as np

try:
    from ai_edge_litert.interpreter import Interpreter
except ImportError:
    from tflite_runtime.interpreter import Interpreter

interpreter = Interpreter(model_path=sys.argv[1], num_threads=1)
interpreter.allocate_tensors()
source, sink = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
tensor = np.zeros(source["shape"], source["dtype"])
interpreter.set_tensor(source["index"], tensor)
interpreter.invoke()
interpreter.get_tensor(sink["index"])
if len(sys.argv) > 2:
    warm, laps = perf_counter() + 0.5, []
    while perf_counter() < warm + float(sys.argv[2]):
        interpreter.set_tensor(source["index"], tensor)
        started = perf_counter_ns()
        interpreter.invoke()
        stopped = perf_counter_ns()
        if perf_counter() > warm:
            laps.append(stopped - started)
    with open("/proc/self/status") as status:  # noqa: PTH123  # no more imports than it needs
        peak = next(line.split()[1] for line in status if line.startswith("VmHWM"))
    print(sorted(laps)[len(laps) // 2], peak)
