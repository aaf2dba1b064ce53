"""From what a tensor held on calibration images to the range that it is quantized with: pure numbers, no converter."""
