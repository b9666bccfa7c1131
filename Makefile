# SPDX-License-Identifier: Apache-2.0
# All that a clone needs; `make PYTHON=python3.12 test` chooses another Python.

PYTHON = python3
BIN = .venv/bin
# Present once the environment is whole; a half-made one is made anew.
READY = .venv/ready
# Tracing keeps one core busy; two processes take whole files in turn.
TWO = -n 2 --dist loadfile

.PHONY: accelerator browser plane test prove lint clean

plane: $(READY)
	$(BIN)/tfp-rd grid --preset=plane

test: $(READY)
	$(BIN)/python -m pytest $(TWO) -m 'not slow and not accelerator'

prove: $(READY)
	$(BIN)/python -m pytest $(TWO) -m slow

# Each family on the GPU and on the CPU; NUM_GPUS workers take one each.
NUM_GPUS = 1
accelerator: $(READY)
	TFP_RD_ACCELERATOR=GPU $(BIN)/python -m pytest -n $(NUM_GPUS) -m accelerator

# Debian's Chromium, in which tests open the page; other systems have their own.
browser:
	command -v chromium || { apt-get update --quiet --quiet && \
	  DEBIAN_FRONTEND=noninteractive apt-get install --quiet --quiet --yes \
	  --no-install-recommends chromium; }

lint: $(READY)
	$(BIN)/ruff format --check
	$(BIN)/ruff check

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache

$(READY): setup.py
	@echo 'Installing into .venv, which takes a minute or two.'
	rm -rf .venv
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@
