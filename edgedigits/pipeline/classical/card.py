"""The card of a classical model as Markdown, from its record."""

from __future__ import annotations

from edgedigits.ground.facts import JsonObject
from edgedigits.tasks.differences import word_share


def write_classical_card(record: JsonObject) -> str:
    """One page; no number in it is typed by hand."""
    settings, data, images, latency = record["settings"], record["data"], record["images"], record["latency"]
    low, high = record["test_accuracy_interval"]
    lines = [
        f"# {settings['name']} on {settings['features']}",
        "",
        f"A classical classifier of {'x'.join(map(str, record['input']['shape']))} images into {len(data['classes'])} classes, "
        f"trained on {data['name']}. It can teach a net; no TFLite file is made of it.",
        "",
        "| | |",
        "|---|---|",
        f"| features | {record['features']['count']:,} for each image |",
        f"| test accuracy | {word_share(record['test_accuracy'])} of {images['test']:,} images "
        f"(95 % interval {word_share(low)} to {word_share(high)}) |",
        f"| validation accuracy | {word_share(record['validation_accuracy'])} of {images['validation']:,} images |",
        f"| trained on | {images['fit']:,} images, in {record['seconds']} s |",
        f"| bytes | {record['size_bytes']:,} |",
        f"| time for an image, alone | {latency['p50_us']:,} us (median of {latency['timed_images']}) |",
        f"| time for an image, in batches of {latency['batch']} | {latency['p50_us_in_batches']:,} us |",
        f"| seed | {settings['seed']} |",
        f"| made with | {', '.join(f'{name} {number}' for name, number in record['versions'].items())} |",
        "",
        "The test images were scored once, at the end. Times are of the machine that trained it, features included.",
    ]
    return "\n".join(lines) + "\n"
