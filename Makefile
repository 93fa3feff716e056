# `make demo` does the main job, `make test` checks everything; both first set up what they need, see scripts/setup.sh.

VENV := .venv/bin
WEIGHTS := $(sort $(wildcard weights/*.npz))

.PHONY: demo test test-newest shaders web clean

demo:
	scripts/setup.sh demo
	$(VENV)/python scripts/demo.py

test:
	scripts/setup.sh test
	$(VENV)/ruff check
	$(VENV)/ruff format --check
	$(VENV)/mypy --strict
	$(VENV)/python -m pytest -n auto --dist worksteal

# The tests that start a player, with the newest ones: mpv, ffmpeg, libplacebo and Mesa of Debian's unstable branch.
test-newest:
	scripts/newest.sh

# Every weight file in the ways that target.variants says. tests/test_shaders.py fails when this would change anything.
# Then the tables of figures in the pages, which tests/test_pages.py holds to it.
shaders:
	scripts/setup.sh demo
	$(VENV)/python scripts/shaders.py
	$(VENV)/python scripts/figures.py

# A static site of all models: a page each, one for any shader, and a front page.
web:
	scripts/setup.sh demo
	$(VENV)/shadergen web --gallery out/site --costs bench/results/costs.json $(WEIGHTS)

clean:
	rm -rf .venv out dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
