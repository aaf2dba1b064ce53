# Two commands do everything: `make demo` and `make test`. Each makes the environment it needs, once.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test suite zoo-fast lint docs device pi bench peers pays zoo pythons attack tables golden clean

demo: $(READY)
	$(BIN)/edgedigits demo

# The linters beside the tests: mypy uses one core, half a minute.
test: $(READY)
	$(MAKE) --no-print-directory -j 2 suite lint

suite: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# Every net of the zoo, small, through every recipe; part of `make test` but for the nets that take longest.
zoo-fast: $(READY)
	$(BIN)/python -m pytest tests/zoo_fast -m "not pi" -n 2 --dist loadfile --no-loadscope-reorder

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The pages for a browser, in build/docs; a link or an anchor that leads nowhere fails.
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

# Deploys to emulated Raspberry Pis; skipped, with the reason, where this machine can't have one.
pi: $(READY)
	$(BIN)/python -m pytest -m pi -rs

# Tests of deploy against a real ssh server, and of arm64 instructions; they fetch packages. What can't run says why.
device: $(READY)
	$(BIN)/python -m pytest -m "device and not pi" -n 2 --dist loadfile --no-loadscope-reorder -rs

# Measures what the tables of the README and of docs/ show; needs MNIST, root for the emulated Pi, a quiet machine and half an hour.
bench: $(READY)
	$(BIN)/python -m benchmarks.main_job
	$(BIN)/python -m benchmarks.device_job
	$(BIN)/python -m benchmarks.instructions
	$(BIN)/python -m benchmarks.cycle_rates
	$(BIN)/python -m benchmarks.tables

# Other tools on the same model and data, each in an environment of its own; needs MNIST, the package index and a quiet machine.
peers: $(READY)
	$(BIN)/python -m benchmarks.peers

# What every recipe reaches, those that are missing made first, which takes hours; needs MNIST, qemu-user and a quiet machine.
pays: $(READY)
	$(BIN)/python -m benchmarks.pays --make

# Every net of the zoo on MNIST, trained, through recipes, side by side; hours, and it goes on where it was.
zoo: $(READY)
	$(BIN)/python -m benchmarks.zoo --only nets

# A newcomer's commands and the tests about versions on every Python at hand, or on PYTHONS; needs the package index.
pythons: $(READY)
	$(BIN)/python -m benchmarks.pythons $(PYTHONS)

# Ten thousand spoiled files over every reader, for at most 15 minutes on two cores; what fell is kept in build/attack.
attack: $(READY)
	$(BIN)/python -m benchmarks.attack

tables: $(READY)
	$(BIN)/python -m benchmarks.headers
	$(BIN)/python -m benchmarks.tables

golden: $(READY)
	$(BIN)/python tests/make_golden.py

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
