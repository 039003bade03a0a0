# From exports to the monthly report. Needed beforehand: git, make and Python 3.11, 3.12 or 3.13; nothing else.
#
#   make report                                 the newest month of data/sample
#   make report DATA=data/crm MONTH=2023-12     another data set, another month
#   make pdf                                    the same, and its first page as reports/<month>.pdf (needs Chromium)
#   make test                                   every test, the notebooks included
#   make soak                                   what takes longest: kills at random moments, every step, every page, more damage
#   make lab                                    JupyterLab on the notebooks, on this machine only; makes a report first
#   make simulate                               write data/sample anew from its seed
#   make bench                                  measure the panel on 20 million events, into docs/performance.md (minutes)
#   make docs                                   write the generated pages of docs/ anew
#   make screenshots                            approve the looks of the first page anew
#   make audit                                  ask PyPI for known weaknesses of what the lock pins; fails if it cannot
#   make sbom                                   what the lock pins as a bill of materials (CycloneDX), sbom.json
#   make lock                                   pin the newest versions that pyproject.toml allows

DATA  ?= data/sample
MONTH ?=
OUT   ?= reports
ARGS  ?=

VENV  := .venv
BIN   := $(VENV)/bin
READY := $(VENV)/installed
# A name may exist and not run (a shim of a version manager), so each is tried by running it.
PYTHONS ?= python3 python3.13 python3.12 python3.11 python

.PHONY: report pdf test soak lab simulate bench docs screenshots audit sbom lock clean
.DELETE_ON_ERROR:

report pdf: $(READY)
	@$(BIN)/cs-research run "$(DATA)" $(if $(MONTH),--month "$(MONTH)") --out "$(OUT)" $(if $(filter pdf,$@),--pdf) $(ARGS)

test: $(READY)
	$(BIN)/ruff check
	$(BIN)/pytest -n 2 $(ARGS)

soak: $(READY)
	$(BIN)/pytest -n 2 -m soak $(ARGS)

lab: $(READY)
	@ls -d "$(OUT)"/20??-?? >/dev/null 2>&1 || { echo "There is no report in $(OUT) yet: making that of $(DATA) first."; \
	  $(MAKE) --no-print-directory report; }
	cd notebooks && ../$(BIN)/jupyter lab --ServerApp.ip=127.0.0.1 --MultiKernelManager.default_kernel_name=python3 $(ARGS)

simulate: $(READY)
	@$(BIN)/cs-research simulate data/sample --accounts 600 --months 30 --seed 1 $(ARGS)

bench: $(READY)
	$(BIN)/cs-research bench panel --out docs/performance.md $(ARGS)

docs: $(READY)
	$(BIN)/python -m cs_research.definitions.dictionary > docs/data-dictionary.md
	$(BIN)/python -c "from cs_research.ingest.rules import rules_page; print(rules_page(), end='')" > docs/ingest-rules.md

screenshots: $(READY)
	$(BIN)/pytest -q tests/test_browser.py -k approved --write-screenshots

audit: $(READY)
	$(BIN)/pip-audit --strict --require-hashes --disable-pip --progress-spinner off -r requirements.lock $(ARGS)

sbom: $(READY)
	@$(BIN)/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml --index-url "" --output-reproducible \
	  --output-file sbom.json $(ARGS)

lock: $(READY)
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --no-annotate --upgrade --extra dev --extra spark --output-file requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) build .pytest_cache .ruff_cache .hypothesis

# pip installs uv from the lock, uv the rest of the lock: every file is checked against its hash.
$(READY): requirements.lock pyproject.toml
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { rm -rf $(VENV); $(new-venv); }
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > $(VENV)/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

define new-venv
for python in $(PYTHONS); do \
  if $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1; then \
    seen=$$python; \
    if $$python -m venv $(VENV) >/dev/null 2>&1; then exit 0; fi; \
  fi; \
done; \
rm -rf $(VENV); \
if [ -n "$$seen" ]; then \
  echo "$$seen cannot make a virtual environment: install its venv module (Debian and Ubuntu: apt-get install python3-venv)." >&2; \
else \
  echo "No Python 3.11, 3.12 or 3.13 was found: install one, with its venv module, or name it (make PYTHONS=/path/to/python3)." >&2; \
fi; \
exit 2
endef
