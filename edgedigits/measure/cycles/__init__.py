"""Cycles of a board's core without the board: blocks counted under QEMU, reckoned with LLVM's models of cores."""
