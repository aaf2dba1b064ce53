"""What a runtime's reference kernels answer: python reference.py MODEL.tflite INPUTS.npy OUTPUTS.npy, with either runtime."""

import sys

import numpy as np

try:
    import ai_edge_litert.interpreter as runtime
except ImportError:
    import tflite_runtime.interpreter as runtime

model, inputs, outputs = sys.argv[1:]
kernels = runtime.OpResolverType.BUILTIN_REF
net = runtime.Interpreter(model_path=model, num_threads=1, experimental_op_resolver_type=kernels)
net.allocate_tensors()
source, sink = net.get_input_details()[0]["index"], net.get_output_details()[0]["index"]
answers = []
for image in np.load(inputs):
    net.set_tensor(source, image[None])
    net.invoke()
    answers.append(net.get_tensor(sink)[0])
np.save(outputs, np.stack(answers))
