"""A Raspberry Pi without the hardware, for tests and benchmarks: a whole userland of its own, with sshd, under QEMU."""
