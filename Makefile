# What Relevo needs and does, each in one command. `make help` lists them.
#
# What is missing is installed first, and said: system packages with apt-get, test peers into .peers/ with npm, pip and
# apt-get, lint tools into .tools/ with cargo and npm. Rust itself is expected to be there.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo

# $(call step,NAME,COMMAND) runs a command and says what it is and how long it took.
step = @echo "==> $(1)"; begin=$$SECONDS; $(2); echo "==> $(1): $$((SECONDS - begin)) s"

.PHONY: help demo test gameday soak fuzz release bench bench-instructions lint quick-lint code-lint proto-baseline peers tools compiler

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name what; do \
		printf '  make %-18s %s\n' "$$name" "$$what"; done

demo: compiler ## see it work: four channels, consent, and an outage (make demo ARGS=--once stops by itself)
	@echo "==> building and starting the demonstration (cargo run)"
	@$(CARGO) run --locked --quiet -- demo $(ARGS)

test: compiler peers ## run every test: units, whole flows against real peers, 400 seeds of the simulation
	$(call step,building the tests,$(CARGO) test --workspace --locked --no-run)
	$(call step,running the tests,$(CARGO) test --workspace --locked)

gameday: compiler ## play failures of providers, and print what people would notice: 12 minutes (make gameday ARGS='hangs slow' for some)
	@$(CARGO) test --locked --quiet $(if $(RELEASE),--release) --test gameday -- --full --svg target/gameday $(ARGS)

KILLS ?= 1000

soak: compiler peers ## the long forms of the tests of crashes and disks: 1,000 kills, and every error of every operation on files
	$(call step,the long tests,CI=true RELEVO_SOAK=1 RELEVO_KILLS=$(KILLS) $(CARGO) test --locked --test it -- crash store::faults)

TARGET ?= webhooks
FUZZ_SECONDS ?= 600

# libFuzzer needs the sanitizers of rustc, which are in every toolchain and said to be unstable.
fuzz: compiler ## feed a parser of what comes from outside for ten minutes (make fuzz TARGET=webhooks; also answers, echo, reports, smpp)
	@command -v c++ >/dev/null || { echo "libFuzzer is C++: install g++ first"; exit 1; }
	@[ -x .tools/bin/cargo-fuzz ] || { echo "==> building cargo-fuzz into .tools/ (cargo install)"; \
		$(CARGO) install --quiet --locked --debug --root .tools cargo-fuzz@0.13.2; }
	@cp Cargo.lock fuzz/Cargo.lock
	@mkdir -p fuzz/target/corpus/$(TARGET)
	@PATH="$$PWD/.tools/bin:$$PATH" RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run --dev $(TARGET) \
		fuzz/target/corpus/$(TARGET) fuzz/corpus/$(TARGET) -- \
		-max_total_time=$(FUZZ_SECONDS) -max_len=65536 -timeout=10 -rss_limit_mb=1024

# For `make release` the compiler is told how often the program takes each of its ways under load. The parts of the
# benchmark that accept and deliver find that out, on a program that counts, and llvm-profdata sums it up: the one of
# rustc's own LLVM, which rustup has in its component llvm-tools; PROFDATA names another.
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
PROFDATA ?= $(shell rustc --print sysroot)/lib/rustlib/$(HOST)/bin/llvm-profdata
PGO := $(CURDIR)/target/pgo
# Of this compiler: another gives the functions other names, and would find nothing in it.
PROFILE := $(PGO)/rustc-$(shell rustc --version | cut -d' ' -f2).profdata
pgo_build = $(CARGO) build --release --locked --quiet --bin relevo --target $(HOST) --target-dir $(PGO)
SOURCES := Cargo.toml Cargo.lock build.rs $(shell find config proto src -type f)

$(PROFILE): $(SOURCES)
	@command -v $(PROFDATA) >/dev/null || rustup component add llvm-tools || { \
		echo "install llvm-tools of rustc, or say where llvm-profdata is: make release PROFDATA=PATH"; exit 1; }
	@benches/peers/install.sh postfix
	$(call step,building a program that counts,RUSTFLAGS='-Cprofile-generate=$(PGO)/counts' $(pgo_build))
	@rm -rf $(PGO)/counts
	$(call step,counting,$(CARGO) bench --locked --bench speed -- --quick --folder $(PGO)/bench \
		--gateway $(PGO)/$(HOST)/release/relevo accept drain http smtp >/dev/null)
	@$(PROFDATA) merge -o $@ $(PGO)/counts

$(PGO)/relevo: $(PROFILE)
	$(call step,building the program,RUSTFLAGS='-Cprofile-use=$<' $(pgo_build))
	@cp $(PGO)/$(HOST)/release/relevo $@

release: compiler $(PGO)/relevo ## build the program as it is fastest, into target/pgo/relevo: half an hour on two cores

bench: release ## measure how fast it is, beside its rivals (make bench ARGS='--quick accept' for a trial of one part)
	@benches/peers/install.sh
	@$(CARGO) bench --locked --bench speed -- --gateway $(PGO)/relevo $(ARGS)

bench-instructions: compiler ## count the instructions of the decisions, held against benches/instructions/baseline.toml
	@benches/peers/install.sh valgrind gungraun-runner
	@$(CARGO) bench --locked --bench instructions -- $(ARGS)

lint: quick-lint code-lint ## check format, scripts, protos, dependencies, code and documentation

quick-lint: tools ## the part of lint that compiles nothing
	$(call step,rustfmt,$(CARGO) fmt --check)
	$(call step,shell scripts,bash -n .ci/run && sh -n .ci/tools.sh && sh -n tests/peers/install.sh && sh -n benches/peers/install.sh)
	$(call step,buf lint,.tools/node_modules/.bin/buf lint)
	$(call step,buf breaking,.tools/node_modules/.bin/buf breaking --against proto/baseline.binpb)
	$(call step,unused dependencies,.tools/bin/cargo-machete)
	$(call step,cargo-deny,.tools/bin/cargo-deny --locked check bans licenses sources)

proto-baseline: tools ## take today's protos as those that later ones must stay compatible with (at a release)
	@.tools/node_modules/.bin/buf build --exclude-source-info -o proto/baseline.binpb

code-lint: compiler ## the part of lint that compiles
	$(call step,clippy,$(CARGO) clippy --workspace --all-targets --locked -- -D warnings)
	$(call step,rustdoc,RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --locked --no-deps --document-private-items)

peers: ## install the independent servers that the tests talk to, into .peers/
	@tests/peers/install.sh

tools: compiler ## install the lint tools into .tools/
	@.ci/tools.sh

# ring is partly C and assembler, and Rust links with cc.
compiler:
	@if ! command -v cc >/dev/null; then \
		echo "==> installing a C compiler (apt-get)"; \
		root=$$([ "$$(id -u)" -eq 0 ] || echo sudo); \
		$$root apt-get update -qq; \
		$$root apt-get install -y -qq --no-install-recommends gcc libc6-dev >/dev/null; \
	fi
