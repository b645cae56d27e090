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

WORKLOADS := echo unique-ids txn-list-append txn-list-append-datomic txn-rw-register \
	txn-rw-register-raft
# Of the Gossip Glomers.
CHALLENGES := challenge-6a challenge-6b challenge-6c

# With a seed, a test runs in virtual time and is done at once.
SEED_FLAG := $(if $(SEED),--seed $(SEED))

.DEFAULT_GOAL := help
.PHONY: help build test lint bench jepsen $(CHALLENGES) $(WORKLOADS:%=test-%) $(WORKLOADS:%=sim-%)

help: ## Show this list
	@echo "make test-<workload>   run a node as a real cluster and judge it"
	@echo "                       workloads: $(WORKLOADS)"
	@echo "make sim-<workload>    the same in virtual time with faults; SEEDS=1000, or SEED=42"
	@echo "make challenge-<name>  a Gossip Glomers challenge with its own flags: $(CHALLENGES:challenge-%=%)"
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
test-txn-list-append: FLAGS := -w txn-list-append --bin $(BIN)/txn-list-append --time-limit 30 \
	--rate 100 --concurrency 2n --latency 10 --nemesis partition,kill,pause \
	--nemesis-interval 5 --consistency-models strict-serializable
test-txn-list-append-datomic: FLAGS := -w txn-list-append --time-limit 30 \
	--bin $(BIN)/txn-list-append-datomic --rate 100 --concurrency 2n --latency 10 \
	--nemesis partition,kill,pause --nemesis-interval 5 \
	--consistency-models strict-serializable
test-txn-rw-register: FLAGS := -w txn-rw-register --bin $(BIN)/txn-rw-register --time-limit 30 \
	--rate 100 --concurrency 2n --latency 10 --nemesis partition --nemesis-interval 5 \
	--availability total --consistency-models read-atomic
test-txn-rw-register-raft: FLAGS := -w txn-rw-register --bin $(BIN)/txn-rw-register-raft \
	--time-limit 30 --rate 100 --concurrency 2n --latency 10 --nemesis partition,kill,pause \
	--nemesis-interval 5 --consistency-models strict-serializable

$(WORKLOADS:%=test-%): test-%: build
	$(MAELSTROM) test $(FLAGS) $(SEED_FLAG) $(ARGS)

$(WORKLOADS:%=sim-%): sim-%:
	@SEED=$(SEED) SEEDS=$(SEEDS) $(CARGO) test --release --quiet --bin $* -- --nocapture sim

# ---- the Gossip Glomers challenges, each with its own flags ----------------------------------

CHALLENGE_6 := -w txn-rw-register --bin $(BIN)/txn-rw-register --time-limit 20 --rate 1000 \
	--concurrency 2n

challenge-6a: FLAGS := $(CHALLENGE_6) --node-count 1 --consistency-models read-uncommitted \
	--availability total
challenge-6b: FLAGS := $(CHALLENGE_6) --node-count 2 --consistency-models read-uncommitted \
	--availability total --nemesis partition
challenge-6c: FLAGS := $(CHALLENGE_6) --node-count 2 --consistency-models read-committed \
	--availability total --nemesis partition

$(CHALLENGES): build
	$(MAELSTROM) test $(FLAGS) $(SEED_FLAG) $(ARGS)

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
