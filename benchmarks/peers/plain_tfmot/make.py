"""The plain way with tensorflow-model-optimization, as it was handed in beside this folder."""

import json
import pathlib
import subprocess
import sys
from importlib.metadata import version

inputs, out = map(pathlib.Path, sys.argv[1:])
script = pathlib.Path(__file__).resolve().parent.parent / "plain_tfmot.py"
command = [sys.executable, str(script), str(inputs / "cnn.h5"), str(inputs / "mnist.npz"), "--out", str(out)]
done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
if done.returncode:
    sys.exit(done.returncode)
report = json.loads(done.stdout[done.stdout.index("{") :])
made = [{"recipe": "prune80_int8", "file": "prune80_int8.tflite", "seconds": report["seconds"]["compress_total"]}]
name = "tensorflow-model-optimization"
(out / "made.json").write_text(json.dumps({"version": f"{name} {version(name)}", "made": made}))
