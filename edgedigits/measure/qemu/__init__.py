"""A Raspberry Pi without the hardware: a real arm64 Debian userland under QEMU user emulation.

Good for: does it install, does it deploy, does it answer the same, how many instructions does it take. Never for
milliseconds: emulated time says nothing about a board's.
"""
