# The two commands a new user needs are `make demo` and `make test`; each installs what the machine lacks, and says so.

CARGO ?= cargo
ARGS ?=

.PHONY: help demo test lint tools peers lint-tools

help:
	@echo 'make demo   see the gateway work: four channels, consent, an outage (ARGS=--once: stop when it is over)'
	@echo 'make test   run every test, against independent servers on this machine'
	@echo 'make lint   check format, lints, documentation, dependencies and protos'

demo: tools
	$(CARGO) run --locked -- demo $(ARGS)

test: tools peers
	$(CARGO) test --locked

lint: tools lint-tools
	$(CARGO) fmt --check
	sh -n scripts/*.sh tests/peers/*.sh
	.tools/node_modules/.bin/buf lint
	cargo deny --offline --log-level error check licenses bans sources
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --no-deps

tools:
	@scripts/install-tools.sh

peers:
	@tests/peers/install.sh

lint-tools:
	@scripts/install-lint-tools.sh
