#!/usr/bin/env python3
"""The plain way: what an engineer gets by following the public pruning and PQAT guides, and nothing more.

Reference for every speed, size and accuracy comparison. It needs only tensorflow, tf-keras,
tensorflow-model-optimization, numpy and ai-edge-litert.

    plain_tfmot.py MODEL.h5 mnist.npz --out DIR [--train-size N]

Trains nothing from scratch: MODEL is a trained Keras 2 classifier with softmax output that takes [n,28,28,1]
float32 in 0..1. Prunes to 80 % in 2 epochs, then one epoch of prune-preserving QAT, then converts to int8.
Prints one JSON object: seconds per phase, accuracy on the whole test set, bytes, gzip bytes, p50 microseconds.
"""

import argparse
import gzip
import json
import os
import pathlib
import time

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402


def measure(flat: bytes, images: np.ndarray, labels: np.ndarray) -> dict:
    """Accuracy over all images, one at a time, and the p50 of invoke() alone on one thread."""
    from ai_edge_litert.interpreter import Interpreter

    net = Interpreter(model_content=flat, num_threads=1)
    net.allocate_tensors()
    source, sink = net.get_input_details()[0], net.get_output_details()[0]
    scale, zero = source["quantization"]
    if source["dtype"] != np.float32:
        low, high = np.iinfo(source["dtype"]).min, np.iinfo(source["dtype"]).max
        images = np.clip(np.round(images / scale + zero), low, high).astype(source["dtype"])
    right, laps = 0, []
    for image, label in zip(images, labels):
        net.set_tensor(source["index"], image[None])
        start = time.perf_counter()
        net.invoke()
        laps.append(time.perf_counter() - start)
        right += int(net.get_tensor(sink["index"]).argmax() == label)
    return {
        "accuracy": right / len(labels),
        "bytes": len(flat),
        "gzip_bytes": len(gzip.compress(flat, 9)),
        "p50_us": float(np.median(laps[200:]) * 1e6),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--train-size", type=int, default=60000)
    args = parser.parse_args()

    began = time.perf_counter()
    import tensorflow as tf
    import tensorflow_model_optimization as tfmot
    import tf_keras as keras

    tf.keras.utils.set_random_seed(0)
    keras.utils.set_random_seed(0)
    data = np.load(args.data)
    x = data["x_train"][: args.train_size, ..., None].astype("float32") / 255
    y = data["y_train"][: args.train_size].astype("int32")
    x_test = data["x_test"][..., None].astype("float32") / 255
    y_test = data["y_test"].astype("int32")
    seconds = {"import_and_load": time.perf_counter() - began}
    batch = 128
    steps = len(x) // batch

    def ready(model, rate):
        model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    def convert(model, calibrate=False, int8=True):
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        if int8:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.inference_input_type = converter.inference_output_type = tf.int8
        if calibrate:
            converter.representative_dataset = lambda: ([x[i * 100 : i * 100 + 1]] for i in range(300))
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        return converter.convert()

    base = keras.models.load_model(args.model)
    rows = {"float32": convert(base, int8=False), "ptq_int8": convert(base, calibrate=True)}

    start = time.perf_counter()
    sparsity = tfmot.sparsity.keras
    schedule = sparsity.PolynomialDecay(0.0, 0.8, 0, int(steps * 1.2), frequency=50)
    pruned = ready(sparsity.prune_low_magnitude(base, pruning_schedule=schedule), 1e-3)
    pruned.fit(x, y, batch_size=batch, epochs=2, verbose=0, callbacks=[sparsity.UpdatePruningStep()])
    pruned = sparsity.strip_pruning(pruned)
    seconds["prune_2_epochs"] = time.perf_counter() - start

    start = time.perf_counter()
    marked = tfmot.quantization.keras.quantize_annotate_model(pruned)
    scheme = tfmot.experimental.combine.Default8BitPrunePreserveQuantizeScheme()
    aware = ready(tfmot.quantization.keras.quantize_apply(marked, scheme), 1e-4)
    aware.fit(x, y, batch_size=batch, epochs=1, verbose=0)
    seconds["pqat_1_epoch"] = time.perf_counter() - start

    start = time.perf_counter()
    rows["prune80_int8"] = convert(aware)
    seconds["convert"] = time.perf_counter() - start
    seconds["compress_total"] = sum(seconds.values())

    args.out.mkdir(parents=True, exist_ok=True)
    result = {"seconds": {k: round(v, 2) for k, v in seconds.items()}}
    for name, flat in rows.items():
        (args.out / f"{name}.tflite").write_bytes(flat)
        result[name] = measure(flat, x_test, y_test)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
