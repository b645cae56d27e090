# Everything a user of this repository types. `make help` lists it.
#
#   SEED=42         run, or replay, one seed in virtual time
#   SEEDS=1000      how many seeds `make sim-…` runs
#   ARGS="…"        further flags for `make test-…`, after its own: the last one counts
#   MAELSTROM=path  use that bench instead of the built-in one, the original for instance

SHELL := /bin/bash
CARGO ?= cargo
BUILT_IN := target/release/maelstrom
MAELSTROM ?= $(BUILT_IN)
BIN := target/release

WORKLOADS := echo unique-ids

# With a seed, a test runs in virtual time and is done at once.
SEED_FLAG := $(if $(SEED),--seed $(SEED))

.DEFAULT_GOAL := help
.PHONY: help build test lint bench jepsen $(WORKLOADS:%=test-%) $(WORKLOADS:%=sim-%)

help: ## Show this list
	@echo "make test-<workload>   run a node as a real cluster and judge it"
	@echo "                       workloads: $(WORKLOADS)"
	@echo "make sim-<workload>    the same in virtual time with faults; SEEDS=1000, or SEED=42"
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/^([a-z]+):.*## (.*)/make \1|\2/' | \
	  awk -F'|' '{ printf "%-22s %s\n", $$1, $$2 }'

build: ## Build all nodes and the bench
	@$(CARGO) build --release --quiet --workspace --bins

test: ## Run every test of this repository
	@$(CARGO) test --release --workspace

lint: ## Check format, lints and documentation
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --workspace --all-targets --quiet -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --release --workspace --no-deps --quiet

# ---- one line a workload: how it is tested ---------------------------------------------------

test-echo: FLAGS := -w echo --bin $(BIN)/echo --time-limit 5
test-unique-ids: FLAGS := -w unique-ids --bin $(BIN)/unique-ids --time-limit 10 --rate 1000 \
	--node-count 3 --availability total --nemesis partition --nemesis-interval 2

$(WORKLOADS:%=test-%): test-%: build
	$(MAELSTROM) test $(FLAGS) $(SEED_FLAG) $(ARGS)

$(WORKLOADS:%=sim-%): sim-%:
	@SEED=$(SEED) SEEDS=$(SEEDS) $(CARGO) test --release --quiet --bin $* -- --nocapture sim

# ---- the rest --------------------------------------------------------------------------------

bench: ## Measure speed, side by side with others
	$(CARGO) bench --workspace --quiet

ORIGINAL_VERSION := v0.2.4
ORIGINAL := https://github.com/jepsen-io/maelstrom/releases/download/$(ORIGINAL_VERSION)

jepsen: ## Fetch the original Maelstrom into target/jepsen
	@mkdir -p target/jepsen
	@cd target/jepsen && curl --fail --location --silent --show-error --remote-name \
	  $(ORIGINAL)/maelstrom.tar.bz2 && tar --extract --file maelstrom.tar.bz2 || { \
	  echo "The original Maelstrom could not be fetched. Download maelstrom.tar.bz2 from" \
	    "its releases page, unpack it, and name its program:" \
	    "make test-echo MAELSTROM=/path/to/maelstrom/maelstrom" >&2; exit 1; }
	@command -v java > /dev/null || \
	  echo "The original also needs a Java runtime, gnuplot and graphviz: install them." >&2
	@echo "make test-echo MAELSTROM=target/jepsen/maelstrom/maelstrom"
