# The course's commands; `make help` lists them.
PYTHON ?= python3
BIN    := .venv/bin
SHELL  := /bin/bash -o pipefail
export TQDM_DISABLE = 1
# What a failed build prints: what Sphinx says of the cause; of a Python traceback only its last line, and only if needed.
# Warnings are kept for the end: pages of progress may stand below them.
export SHOW = /Sphinx error:|Exception occurred/ {told = 1} /^Traceback/ {if (told) exit; hide = 1} \
  /^[A-Za-z_.]+(Error|Exception):/ {hide = 0} /(WARNING|ERROR|CRITICAL): / {print > "_build/warnings"} !hide {print; fflush()}

.DEFAULT_GOAL := book
.PHONY: book test pdf serve edit new-chapter lint links format pins audit bench clean help

book: .venv/installed ## build the site into _build/html (the same as plain `make`)
	@# A build that failed or was interrupted may have kept pages whose warnings were already shown: read them again.
	@if [ -e _build/unfinished ]; then rm -rf _build/.doctrees; fi; mkdir -p _build; touch _build/unfinished; : > _build/warnings
	@$(BIN)/jupyter-book build book --config _config.yml --toc "$(CURDIR)/_toc.yml" --path-output . -W -n --keep-going \
	  2>&1 | awk "$$SHOW" \
	  || { echo "The site was NOT built; the cause stands above, with its place."; cat _build/warnings; exit 1; }
	@rm _build/unfinished
	@echo "The site is in _build/html: open _build/html/index.html, or run \`make serve\`."

test: lint book _build/binder/installed ## build the site, run every chapter again and check all of it
	@$(BIN)/python tests/notebooks.py _build/nbval
	@$(BIN)/pytest -n 2 --dist loadfile --nbval --nbval-sanitize-with tests/nbval.cfg tests _build/nbval

pdf: book .venv/installed-tests ## print the whole course as one PDF, which the site then links (needs Chromium)
	@$(BIN)/python book/_ext/make_pdf.py
	@$(MAKE) --no-print-directory book

serve: PORT ?= 8000
serve: book ## show the site on http://localhost:8000 (PORT=...), rebuild and reload on every save
	@$(BIN)/python book/_ext/serve.py $(PORT)

edit: PORT ?= 8888
edit: .venv/installed-edit ## open the chapters as notebooks in JupyterLab (PORT=...)
	@! (: < /dev/tcp/127.0.0.1/$(PORT)) 2> /dev/null || { \
	  echo "Port $(PORT) is in use: stop what runs there, or take another one: make edit PORT=$$(($(PORT) + 1))"; exit 1; }
	@# A workspace of its own: the one in the home folder may remember a chapter as plain text.
	@env -u TQDM_DISABLE .binder/start $(BIN)/jupyter-lab --port=$(PORT) --ServerApp.port_retries=0 --allow-root \
	  --LabApp.default_url=/lab/tree/book --LabApp.workspaces_dir="$(CURDIR)/_build/workspaces"

new-chapter: .venv/installed ## start a chapter that runs and passes the tests (NAME=...)
	@$(BIN)/python book/_ext/new_chapter.py "$(NAME)"

format: .venv/installed ## write each chapter as Jupyter would save it
	@for chapter in $$(grep -l '^kernelspec:' book/*.md); do \
	  $(BIN)/jupytext --quiet --to ipynb --output - $$chapter | $(BIN)/jupytext --from ipynb --to md:myst > _build/saved.md \
	  && cp _build/saved.md $$chapter; done

lint: .venv/installed-tests ## check code, Markdown, spelling and references, in seconds and without running anything
	@$(BIN)/python tests/lint.py

links: book ## follow every link to another site, and say which are dead (needs the network)
	@$(BIN)/jupyter-book build book --config _config.yml --toc "$(CURDIR)/_toc.yml" --path-output . --builder linkcheck

PINNED := requirements.txt tests/requirements.txt .binder/requirements.txt
pins: ## write constraints.txt: a version of every package that the pinned ones bring along (NEWEST=1: move all of them)
	@$(PYTHON) -m venv _build/uv && _build/uv/bin/pip install --quiet uv==0.13.9  # resolves for all platforms at once
	@mkdir -p $(dir $(PINNED:%=_build/pins/%))
	@for file in $(PINNED); do \
	  sed -nE '/^[^#]+==/ {$(if $(NEWEST),/# held/! s/==[^ ]+//;) p;}' $$file > _build/pins/$$file; done
	cd _build/pins && ../uv/bin/uv pip compile --quiet $(if $(NEWEST),--upgrade --fork-strategy fewest) \
	  -o ../../constraints.txt $(PINNED)
	@# The versions chosen go back into the files that pin them.
	@for file in $(PINNED); do awk 'NR == FNR {split($$1, pin, "=="); version[pin[1]] = pin[2]; next} \
	  split($$1, pin, "==") == 2 && pin[1] in version {sub(/==[^ ]+/, "==" version[pin[1]])} 1' \
	  constraints.txt $$file > _build/pins/new && cp _build/pins/new $$file; done

audit: book .venv/installed-tests ## print what each page weighs and scores; Lighthouse comes from npm the first time
	@$(BIN)/python tests/audit.py

bench: .venv/installed-tests ## print how long builds take and what each chapter costs
	@$(BIN)/python tests/bench.py

clean: ## remove the built site and the kept results (.venv stays; `rm -r .venv` removes it too)
	rm -rf _build .pytest_cache

help: ## list these commands
	@sed -nE 's/^([a-z-]+):.* ## (.*)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

# The stamps are written last: an interrupted installation starts over where it stopped.
.venv/installed: requirements.txt constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info[:2] <= (3, 13) else "The pinned packages need \
	Python 3.11, 3.12 or 3.13, and $(PYTHON) is %d.%d. Name another one: make PYTHON=python3.12" % sys.version_info[:2])'
	$(PYTHON) -m venv .venv
	@# PyTorch's own index holds the CPU build; the default one brings gigabytes of CUDA libraries on Linux.
	@if [ "$$(uname -s)" = Linux ]; then $(BIN)/pip install --retries 0 --no-deps \
	  --index-url https://download.pytorch.org/whl/cpu $$(grep -o '^torch==[^ ]*' requirements.txt) || { \
	  echo "The CPU build of PyTorch could not be had: check the connection to download.pytorch.org and run make again."; \
	  exit 1; }; fi
	$(BIN)/pip install --quiet -r requirements.txt -c constraints.txt || { \
	  echo "If requirements and constraints.txt disagree, write the latter again: make pins"; exit 1; }
	@touch $@

.venv/installed-edit: .venv/installed .binder/requirements.txt
	$(BIN)/pip install --quiet --retries 0 -r .binder/requirements.txt
	@touch $@

.venv/installed-tests: .venv/installed tests/requirements.txt
	$(BIN)/pip install --quiet -r tests/requirements.txt -c constraints.txt
	@touch $@

# What Binder installs, for the tests that run a chapter there.
_build/binder/installed: .binder/requirements.txt constraints.txt
	@rm -rf $(@D) && $(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet --no-compile --retries 0 -r .binder/requirements.txt
	@touch $@
