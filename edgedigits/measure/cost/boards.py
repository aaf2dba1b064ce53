"""What is published about how fast four Raspberry Pi boards run networks: a literal table, each number with its source.

Nothing here was measured by edgedigits, nothing is made up. What follows from the numbers is worked out in
edgedigits.measure.cost.throughput.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

RowArithmetic = Literal["float32", "int8"]


@dataclass(frozen=True)
class Source:
    """Where numbers are published, and what must be known to use them."""

    title: str
    where: str
    note: str


@dataclass(frozen=True)
class Network:
    """Multiply-adds of a network that others have timed, by kind."""

    conv: int
    depthwise: int
    dense: int
    source: str


@dataclass(frozen=True)
class RateRow:
    """One published latency in ms.

    `clock_ghz` is the clock it was taken at, None where that is not said. `lanes` is 2 where it was taken in float16
    arithmetic, which handles twice as many values per instruction as float32.
    """

    source: str
    row: str
    network: str
    arithmetic: RowArithmetic
    threads: int
    ms: float
    clock_ghz: float | None
    lanes: int = 1


@dataclass(frozen=True)
class RatedBoard:
    """A board: its cores, and what is published of it.

    `clock_ghz` spans the models sold under the name; `cache_bytes` is the last cache before memory; `memcpy` is in
    bytes copied per second, lowest and highest published; `peak` is the most float32 multiply-adds per second of
    a core where published, `lacks` what nobody seems to have published.
    """

    name: str
    core: str
    clock_ghz: tuple[float, float]
    cache_bytes: int
    memcpy: tuple[float, float]
    memcpy_rows: str
    rows: tuple[RateRow, ...]
    peak: float | None = None
    lacks: str = ""


CORES: Final = 4  # of every board here

SOURCES: Final = {
    "xnnpack": Source(
        "XNNPACK, README, section Performance, Raspberry Pi",
        "https://github.com/google/XNNPACK",
        "Benchmarked on 8 February 2022, randomized weights, multi-threaded: taken as four threads. XNNPACK is what "
        "TFLite and LiteRT compute with. The clock is not said.",
    ),
    "ncnn": Source(
        "ncnn, benchmark/README.md",
        "https://github.com/Tencent/ncnn/blob/master/benchmark/README.md",
        "Another runtime, but the same cores, and the only table with one thread on all four boards; column min. "
        "ResNet-50's 3x3 convolutions may run there with fewer multiply-adds than counted (Winograd). On the Pi 5 its "
        "float networks run in float16 arithmetic, so float32 is taken as half as fast.",
    ),
    "aallan": Source(
        "Alasdair Allan, Benchmarking machine learning on the edge, table, Raspberry Pi 5, TensorFlow Lite",
        "https://github.com/aallan/benchmarking-ml-on-the-edge",
        "Quantized SSD MobileNet v1 0.75, 300 x 300, four threads, its post-processing included. The rows of Pi 3 and "
        "Pi 4 are older than XNNPACK's int8 kernels and left out.",
    ),
    "ultralytics": Source(
        "Ultralytics, Quick start guide: Raspberry Pi, Raspberry Pi 5 YOLO11 benchmarks, TF Lite",
        "https://github.com/ultralytics/ultralytics/blob/main/docs/en/guides/raspberry-pi.md",
        "Float32, 640 x 640. The threads are not said; taken as one, TFLite's default.",
    ),
    "sbc-bench": Source(
        "Thomas Kaiser, sbc-bench, Results.md, column memcpy",
        "https://github.com/ThomasKaiser/sbc-bench/blob/master/Results.md",
        "One core. A byte copied is read and written, so reading alone is taken as one to two times as fast.",
    ),
    "device-trees": Source(
        "Linux, device trees bcm2837.dtsi, bcm2711.dtsi and bcm2712.dtsi, cache-size",
        "https://github.com/torvalds/linux",
        "Last cache before memory.",
    ),
    "a76": Source(
        "System on Chips, ARM Cortex-A76 floating-point performance analysis and optimization",
        "https://www.systemonchips.com/arm-cortex-a76-floating-point-performance-analysis-and-optimization",
        "Two pipelines, one fused multiply-add per cycle each, of four float32 values.",
    ),
    "instructions": Source(
        "edgedigits' own count of arm64 instructions per inference (edgedigits instructions)",
        "benchmarks/ of edgedigits",
        "A net of 6,710 parameters takes 138,909 instructions on a Cortex-A76, multiply-adds and all, in 7 operators: so "
        "an operator costs at most about 20,000 beside its multiply-adds. At worst one instruction takes two cycles, "
        "which is assumed, not published.",
    ),
}

_COUNTED: Final = "counted layer by layer from keras.applications"
NETWORKS: Final = {
    "MobileNet v1 1.0 224": Network(551_354_368, 17_385_984, 0, _COUNTED),  # its dense layer is a 1x1 convolution
    "MobileNet v2 1.0 224": Network(278_777_856, 20_716_416, 1_280_000, _COUNTED),
    "ResNet-50": Network(3_855_925_248, 0, 2_048_000, _COUNTED),
    "AlexNet": Network(0, 0, 58_621_952, "its dense layers alone, from ncnn's benchmark/models/alexnet.param"),
    "SSD MobileNet v1 0.75": Network(704_244_960, 23_791_536, 0, "counted from the repository's mobilenet_v1.tflite"),
    "YOLO11n": Network(3_250_000_000, 0, 0, "half of the 6.5 GFLOPs that Ultralytics states"),
    "YOLO11s": Network(10_750_000_000, 0, 0, "half of the 21.5 GFLOPs that Ultralytics states"),
}
V1: Final = "MobileNet v1 1.0 224"
V2: Final = "MobileNet v2 1.0 224"


def _xnnpack(
    column: str, clock: float | None, v1: float, v2: float, int8_v1: float, int8_v2: float
) -> tuple[RateRow, ...]:
    """The four rows of one column that are used."""
    return (
        RateRow("xnnpack", f"FP32 MobileNet v1 1.0X, {column}", V1, "float32", CORES, v1, clock),
        RateRow("xnnpack", f"FP32 MobileNet v2 1.0X, {column}", V2, "float32", CORES, v2, clock),
        RateRow("xnnpack", f"INT8 MobileNet v1 1.0X, {column}", V1, "int8", CORES, int8_v1, clock),
        RateRow("xnnpack", f"INT8 MobileNet v2 1.0X, {column}", V2, "int8", CORES, int8_v2, clock),
    )


def _ncnn(
    board: str, clock: float, one: tuple[float, ...], four: tuple[float, ...], float_lanes: int = 1
) -> tuple[RateRow, ...]:
    """mobilenet, mobilenet_v2, resnet50, alexnet, mobilenet_int8, resnet50_int8, with one thread and with four."""
    networks = (V1, V2, "ResNet-50", "AlexNet", V1, "ResNet-50")
    names = ("mobilenet", "mobilenet_v2", "resnet50", "alexnet", "mobilenet_int8", "resnet50_int8")
    rows = []
    for threads, column in ((1, one), (CORES, four)):
        for name, network, ms in zip(names, networks, column, strict=True):
            int8 = name.endswith("int8")
            where = f"{name}, {board}, num_threads = {threads}"
            lanes = 1 if int8 else float_lanes
            rows.append(RateRow("ncnn", where, network, "int8" if int8 else "float32", threads, ms, clock, lanes))
    return tuple(rows)


_PI3_PLUS: Final = _xnnpack("RPi 3+ (BCM2837B0)", 1.4, 114, 79, 46, 30)

RATED_BOARDS: Final = {
    "pi4": RatedBoard(
        name="Raspberry Pi 4",
        core="Cortex-A72",
        clock_ghz=(1.5, 1.8),
        cache_bytes=1 << 20,
        memcpy=(2_240e6, 2_780e6),
        memcpy_rows="Raspberry Pi 4 B (BCM2711), but for one row of 1190 MB/s that the others contradict",
        rows=(
            *_xnnpack("RPi 4 (BCM2711, ARM64)", None, 77, 46, 24, 17),
            *_ncnn(
                "Raspberry Pi 4 Model B",
                1.8,
                (123.76, 92.98, 533.15, 139.34, 84.66, 423.72),
                (60.74, 61.63, 261.90, 75.75, 34.19, 195.60),
            ),
        ),
    ),
    "pi5": RatedBoard(
        name="Raspberry Pi 5",
        core="Cortex-A76",
        clock_ghz=(2.4, 2.4),
        cache_bytes=2 << 20,
        memcpy=(5_270e6, 6_025e6),
        memcpy_rows="Raspberry Pi 5 B (BCM2712), 2400 MHz",
        rows=(
            *_ncnn(
                "Raspberry Pi 5",
                2.4,
                (20.24, 16.21, 89.04, 35.24, 14.38, 80.00),
                (9.00, 10.46, 45.94, 21.21, 8.68, 40.16),
                float_lanes=2,
            ),
            RateRow("ultralytics", "YOLO11n, TF Lite", "YOLO11n", "float32", 1, 317.398, 2.4),
            RateRow("ultralytics", "YOLO11s, TF Lite", "YOLO11s", "float32", 1, 849.86, 2.4),
            RateRow("aallan", "Raspberry Pi 5, TensorFlow Lite", "SSD MobileNet v1 0.75", "int8", CORES, 16.9, 2.4),
        ),
        peak=2 * 4 * 2.4e9,
        lacks="no depthwise convolution in int8 has a published time of its own",
    ),
    "pi3": RatedBoard(
        name="Raspberry Pi 3",
        core="Cortex-A53",
        clock_ghz=(1.2, 1.4),
        cache_bytes=512 << 10,
        memcpy=(1_040e6, 1_230e6),
        memcpy_rows="Raspberry Pi 3 B (BCM2837) and Raspberry Pi 3 B+ (BCM2837B0)",
        rows=(
            *_PI3_PLUS,
            *_ncnn(
                "Raspberry Pi 3 Model B+",
                1.4,
                (204.62, 158.69, 977.51, 270.13, 181.34, 890.77),
                (107.84, 110.64, 583.57, 157.79, 66.91, 383.96),
            ),
        ),
        lacks="all is published for the 3B+ at 1.4 GHz and scaled by the clock for the 3B at 1.2 GHz",
    ),
    "zero2": RatedBoard(
        name="Raspberry Pi Zero 2 W",
        core="Cortex-A53",
        clock_ghz=(1.0, 1.0),
        cache_bytes=512 << 10,
        memcpy=(1_300e6, 1_300e6),
        memcpy_rows="Raspberry Pi Zero 2 (RP3A0), 1000 MHz",
        rows=(
            *_PI3_PLUS,
            *_ncnn(
                "Raspberry Pi Zero 2 W",
                1.0,
                (393.79, 273.97, 1800.97, 687.99, 286.58, 1311.68),
                (162.60, 145.71, 777.44, 271.18, 90.78, 496.78),
            ),
        ),
        lacks="nothing is published for XNNPACK on it: those rows are of the Raspberry Pi 3+, whose cores are the same, "
        "scaled by the clock from 1.4 to 1.0 GHz",
    ),
}
