# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
#
# The front door. Every target installs and builds what it needs (Debian 12, as root or through
# sudo), says what it does, and can be run again.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -ec
.DEFAULT_GOAL := help
SUITE ?=

.PHONY: help demo test check build bench fuzz tidy format clean

help:  ## Show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16
	@echo '  make test SUITE=unit|integration|sanity|kms|kmip|scheduler|guest|demo   one suite'

demo:  ## Watch an encrypted volume live its whole life on a real Ceph
	@./dev/packages build run test
	@$(MAKE) --no-print-directory build
	@./dev/demo

test:  ## Run the suites unit, integration, sanity, kms, kmip, scheduler, guest, demo
	@./dev/packages build check run test sanity guest kms kmip scheduler
	@python3 tests/run.py $(SUITE)

check:  ## The quick gate: format, lint, unit tests
	@./dev/packages build check test
	@python3 tests/run.py unit

build:  ## Build the release binary: build/release/cmd/rbdcrypt
	@./dev/packages build
	@echo "building build/release/cmd/rbdcrypt"
	@cmake --preset release >/dev/null
	@cmake --build build/release --target rbdcrypt | tail -n 1

bench:  ## Measure against what a user would run instead; writes build/bench.json
	@./dev/packages build run test kms bench
	@python3 bench/run.py

fuzz:  ## Fuzz each parser for FUZZ_SECONDS (default 600)
	@./dev/packages build check
	@python3 tests/run.py --fuzz-seconds $${FUZZ_SECONDS:-600} fuzz

tidy:  ## Run clang-tidy over our sources
	@./dev/packages build check
	@cmake --preset dev >/dev/null
	@cmake --build build/dev --target rbdcrypt_proto_csi
	@git ls-files '*.cc' | grep -v '^tests/\|^bench/' | \
	  xargs -P "$$(nproc)" -n 4 clang-tidy --quiet -p build/dev

format:  ## Rewrite our sources with clang-format
	@./dev/packages check
	@git ls-files '*.cc' '*.h' | xargs clang-format -i

clean:  ## Remove build/
	@rm -rf build
