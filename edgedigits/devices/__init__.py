"""Models on devices: deploy, services, fleets, benchmarks there."""
