# Everything a user of this repository types. `make help` lists it.
#
#   SEED=42         run, or replay, one seed in virtual time
#   SEEDS=1000      how many seeds `make sim-…` runs, or a range of them: 1000..2000
#   ARGS="…"        further flags for `make test-…`, after its own: the last one counts; and for
#                   `make sim-…`, in the place of what the simulated test says
#   NODE_ARG="…"    an argument for the node's own program
#   SOLUTION=1      `make exercise-…`: the solution in place of the stub
#   CHAPTER=03      `make book-test` and `book-update`: the commands of this chapter only
#   PROFILE=release `make test-…` and `make serve`: optimized programs, as everything else has
#   MAELSTROM=path  use that bench instead of the built-in one, the original for instance

SHELL := /bin/bash
# Everything but the host layer must compile for a browser: the playground consists of that.
WASM := wasm32-unknown-unknown
CARGO ?= cargo

WORKLOADS := echo unique-ids broadcast g-set g-counter g-counter-kv pn-counter \
	kafka kafka-single kafka-kv lin-kv lin-kv-single lin-kv-proxy \
	txn-list-append txn-list-append-datomic txn-rw-register txn-rw-register-raft
# Whoever waits for a run in real time waits for its clock, so what it needs is built quickly, and
# not optimized. The rest is optimized: it runs thousands of seeds, or is measured.
ifndef MAELSTROM
IS_QUICK := $(if $(MAKECMDGOALS),$(if $(filter-out $(WORKLOADS:%=test-%) serve,$(MAKECMDGOALS)),,1))
endif
PROFILE ?= $(if $(IS_QUICK),quick,release)
BIN := target/$(PROFILE)
BUILT_IN := $(BIN)/maelstrom
MAELSTROM ?= $(BUILT_IN)

# Nodes with a bug each.
BUGS := $(patsubst bugs/src/bin/%.rs,%,$(wildcard bugs/src/bin/*.rs))
# Of the Gossip Glomers.
CHALLENGES := challenge-1 challenge-2 challenge-3a challenge-3b challenge-3c challenge-3d \
	challenge-3e challenge-4 challenge-5a challenge-5b challenge-5c \
	challenge-6a challenge-6b challenge-6c

# What another bench cannot do it is not asked for. Asked for a fault that nobody knows, the
# original names those it has: partition, and since 2026 kill and pause.
comma := ,
IS_BUILT_IN := $(filter $(BUILT_IN),$(MAELSTROM))
ifneq ($(IS_BUILT_IN),)
FAULTS := partition$(comma)kill$(comma)pause
else ifneq ($(filter test-%,$(MAKECMDGOALS)),)
KNOWN_FAULTS := $(shell $(MAELSTROM) test --bin /bin/cat --nemesis no-such-fault 2>&1 | \
	grep -e --nemesis | grep -oE '\b(partition|kill|pause)\b' | sort -u | paste -sd, -)
FAULTS := $(or $(KNOWN_FAULTS),partition)
endif

# With a seed, a test runs in virtual time and is done at once.
SEED_FLAG := $(if $(SEED),--seed $(SEED))

.DEFAULT_GOAL := help
.PHONY: help build test lint lint-native lint-page serve dist frontier shrunk-bugs bench \
	build-times jepsen playground playground-build \
	fuzz museum semver book book-serve book-programs book-test book-update sweep-nodes sweep \
	test-slurm \
	$(CHALLENGES) $(WORKLOADS:%=test-%) $(WORKLOADS:%=sim-%) $(BUGS:%=bug-%)

help: ## Show this list
	@echo "make test-<workload>   run a node as a real cluster and judge it"
	@echo "                       workloads: $(WORKLOADS)"
	@echo "make sim-<workload>    the same in virtual time with faults; SEEDS=1000, or SEED=42"
	@echo "make bug-<name>        a node with a planted bug, and the smallest run that shows it;"
	@echo "                       MEND=1 lets you mend it, and with SOLUTION=1 shows that it can be;"
	@echo "                       bugs: $(BUGS)"
	@echo "make exercise-<name>   an exercise of the book; SOLUTION=1 for its solution"
	@echo "make challenge-<name>  a Gossip Glomers challenge with its own flags: $(CHALLENGES:challenge-%=%)"
	@echo
	@echo "SEED=42                test-…: in virtual time, at once; sim-…: this seed, and its files"
	@echo "SEEDS=1000             sim-…: so many seeds; or a range of them: SEEDS=1000..2000"
	@echo "ARGS=\"--rate 100\"     further flags for test-…, sim-… and challenge-…: the last one counts"
	@echo "NODE_ARG=--flag        an argument for the node's own program"
	@echo "MAELSTROM=path         that bench instead of the built-in one, the original for instance"
	@echo
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/make \1|\2/' | \
	  awk -F'|' '{ printf "%-22s %s\n", $$1, $$2 }'

# Here and below `--workspace` does not mean that all of it is built. Cargo then gives every library
# the features that any member asks for, and so builds it once for all targets.
build: ## Build all nodes and the bench, optimized, into target/release
	@$(CARGO) build --release --quiet --workspace --bin maelstrom \
	  $(patsubst src/bin/%.rs,--bin %,$(wildcard src/bin/*.rs))

# The node that a target runs, and the bench: nothing else is built, and what is built already
# costs nothing.
NODE = $(notdir $(filter $(BIN)/%,$(FLAGS)))
define build_node
@[ -e $(BIN)/$(NODE) ] || echo "Building $(NODE)$(if $(IS_BUILT_IN), and the bench)." \
  "The first time this takes some minutes." >&2
@$(CARGO) build --profile $(PROFILE) --workspace --bin $(NODE) $(if $(IS_BUILT_IN),--bin maelstrom)
endef

# One program for the tests of all nodes, `tests/nodes.rs`, instead of one for each.
test: ## Run every test of this repository
	@set -o pipefail; { \
	  $(CARGO) test --release --workspace --no-fail-fast --lib --test '*' 2>&1; status=$$?; \
	  $(CARGO) test --release --workspace --no-fail-fast --doc 2>&1 && exit $$status; \
	} | awk "$$TOTALS"

# Passes on what cargo says of each program's tests, and adds up all of it at the end.
define TOTALS
{ print; fflush() }
/^test result:/ { programs++; passed += $$4; failed += $$6; ignored += $$8 }
/^test .* FAILED$$/ { names = names " " $$2 }
/^error/ { broken = 1 }
END {
  if (!programs) { print "No test was run."; exit 1 }
  printf "%s: %d tests passed, %d failed, %d ignored, in %d programs.%s\n", \
    failed ? "FAILED" : broken ? "BROKEN" : "All is well", passed, failed, ignored, programs, \
    names ? " Failed:" names : ""
}
endef
export TOTALS

# What is pure: it may not know what runs it, nor meet the world.
PURE := src/types src/state_machines src/protocols
IMPURE := crate::(runtime|storage)::|crate::\{?(Ctx|Storage|Runtime)|tokio::|std::(fs|net|thread)

lint: lint-native lint-page ## Check format, lints and documentation

lint-native:
	@! grep -rnE '^[^/]*($(IMPURE))' $(PURE) || { \
	  echo "Types, state machines and protocols take no part in what runs them."; exit 1; }
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --workspace --all-targets --quiet -- -D warnings
	@rm -rf target/doc/gyre
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --release --workspace --no-deps --quiet
	@! grep -rL --include='*.html' --exclude=all.html -e 'class="example-wrap' \
	  -e 'http-equiv="refresh"' target/doc/gyre | grep . || { \
	  echo "The library's documentation has no example on these pages."; exit 1; }
	@! grep -rL --include=index.html -e 'book, <code>book/' -e 'http-equiv="refresh"' \
	  target/doc/gyre | grep . || { \
	  echo "The library's documentation names no chapter of the book on these pages."; exit 1; }

# What builds the page in any case need not check it before.
lint-page:
	@if $(HAS_WASM); then \
	  $(CARGO) check --profile page --package playground --lib --target $(WASM) --quiet; \
	else echo "not checked for $(WASM): rustup target add $(WASM)"; fi

# Between servers, unless a workload says otherwise: without any, all that a request sets off
# happens at one instant, and nobody can see in which order.
LATENCY := --latency 10

# ---- one line a workload: how it is tested ---------------------------------------------------

test-echo: FLAGS := -w echo --bin $(BIN)/echo --time-limit 5
test-unique-ids: FLAGS := -w unique-ids --bin $(BIN)/unique-ids --time-limit 10 --rate 1000 \
	--node-count 3 --availability total --nemesis partition --nemesis-interval 2
test-broadcast: FLAGS := -w broadcast --bin $(BIN)/broadcast --time-limit 20 --rate 50 \
	--latency 10 --nemesis $(FAULTS) --nemesis-interval 3
test-g-set: FLAGS := -w g-set --bin $(BIN)/g-set --time-limit 20 --rate 20 \
	--nemesis $(FAULTS) --nemesis-interval 3
test-g-counter: FLAGS := -w g-counter --bin $(BIN)/g-counter --time-limit 20 --rate 20 \
	--nemesis $(FAULTS) --nemesis-interval 3
test-g-counter-kv: FLAGS := -w g-counter --bin $(BIN)/g-counter-kv --time-limit 20 --rate 20 \
	--nemesis partition --nemesis-interval 3
test-pn-counter: FLAGS := -w pn-counter --bin $(BIN)/pn-counter --time-limit 20 --rate 20 \
	--nemesis $(FAULTS) --nemesis-interval 3

test-lin-kv: FLAGS := -w lin-kv --bin $(BIN)/lin-kv --time-limit 30 --rate 50 \
	--concurrency 4n --nemesis $(FAULTS) --nemesis-interval 5
test-lin-kv-single: FLAGS := -w lin-kv --bin $(BIN)/lin-kv-single --time-limit 10 --rate 20 \
	--node-count 1 --concurrency 2n
test-lin-kv-proxy: FLAGS := -w lin-kv --bin $(BIN)/lin-kv-proxy --time-limit 10 --rate 20 \
	--concurrency 2n --nemesis partition --nemesis-interval 3

test-kafka: FLAGS := -w kafka --bin $(BIN)/kafka --time-limit 30 --rate 100 --concurrency 2n \
	--nemesis $(FAULTS) --nemesis-interval 5
test-kafka-single: FLAGS := -w kafka --bin $(BIN)/kafka-single --time-limit 20 --rate 100 \
	--node-count 1 --concurrency 4n
test-kafka-kv: FLAGS := -w kafka --bin $(BIN)/kafka-kv --time-limit 20 --rate 100 \
	--concurrency 2n --nemesis partition --nemesis-interval 3

TXN := --time-limit 30 --rate 100 --concurrency 2n --latency 10 --nemesis-interval 5

test-txn-list-append: FLAGS := -w txn-list-append --bin $(BIN)/txn-list-append $(TXN) \
	--nemesis $(FAULTS)
test-txn-list-append-datomic: FLAGS := -w txn-list-append $(TXN) --nemesis $(FAULTS) \
	--bin $(BIN)/txn-list-append-datomic
test-txn-rw-register: FLAGS := -w txn-rw-register --bin $(BIN)/txn-rw-register $(TXN) \
	--nemesis partition --availability total --consistency-models read-atomic
test-txn-rw-register-raft: FLAGS := -w txn-rw-register --bin $(BIN)/txn-rw-register-raft $(TXN) \
	--nemesis $(FAULTS)

$(WORKLOADS:%=test-%): test-%:
	$(build_node)
	$(MAELSTROM) test $(LATENCY) $(FLAGS) $(SEED_FLAG) $(ARGS) $(addprefix -- ,$(NODE_ARG))

# Whatever else is asked for is none of these.
test-%:
	@echo "There is no node $* to test: make help lists them." >&2; exit 2
sim-%:
	@echo "There is no node $* to simulate: make help lists them." >&2; exit 2
challenge-%:
	@echo "There is no challenge $*: make help lists them." >&2; exit 2
.DEFAULT:
	@echo "There is nothing to make that is called $@: make help lists what there is." >&2; exit 2

$(WORKLOADS:%=sim-%): sim-%:
	@SEED=$(SEED) SEEDS=$(SEEDS) SIM_FLAGS="$(ARGS)" \
	  $(CARGO) test --release --quiet --workspace --bin $* -- --nocapture sim

# ---- the Gossip Glomers challenges, each with its own flags ----------------------------------

CHALLENGE_3 := -w broadcast --bin $(BIN)/broadcast
CHALLENGE_3_EFFICIENT := $(CHALLENGE_3) --node-count 25 --time-limit 20 --rate 100 --latency 100
CHALLENGE_5 := -w kafka --concurrency 2n --time-limit 20 --rate 1000
CHALLENGE_6 := -w txn-rw-register --bin $(BIN)/txn-rw-register --time-limit 20 --rate 1000 \
	--concurrency 2n

challenge-1: FLAGS := -w echo --bin $(BIN)/echo --node-count 1 --time-limit 10
challenge-2: FLAGS := -w unique-ids --bin $(BIN)/unique-ids --time-limit 30 --rate 1000 \
	--node-count 3 --availability total --nemesis partition
challenge-3a: FLAGS := $(CHALLENGE_3) --node-count 1 --time-limit 20 --rate 10
challenge-3b: FLAGS := $(CHALLENGE_3) --node-count 5 --time-limit 20 --rate 10
challenge-3c: FLAGS := $(CHALLENGE_3) --node-count 5 --time-limit 20 --rate 10 --nemesis partition
# The node's own argument follows the flags: what it trades messages for.
challenge-3d: FLAGS := $(CHALLENGE_3_EFFICIENT)
challenge-3d: NODE_ARG := --preset=low-latency
challenge-3e: FLAGS := $(CHALLENGE_3_EFFICIENT)
challenge-3e: NODE_ARG := --preset=low-traffic
challenge-4: FLAGS := -w g-counter --bin $(BIN)/g-counter-kv --node-count 3 --rate 100 \
	--time-limit 20 --nemesis partition
challenge-5a: FLAGS := $(CHALLENGE_5) --bin $(BIN)/kafka-single --node-count 1
challenge-5b: FLAGS := $(CHALLENGE_5) --bin $(BIN)/kafka-kv --node-count 2
challenge-5c: FLAGS := $(CHALLENGE_5) --bin $(BIN)/kafka --node-count 2
challenge-6a: FLAGS := $(CHALLENGE_6) --node-count 1 --consistency-models read-uncommitted \
	--availability total
challenge-6b: FLAGS := $(CHALLENGE_6) --node-count 2 --consistency-models read-uncommitted \
	--availability total --nemesis partition
challenge-6c: FLAGS := $(CHALLENGE_6) --node-count 2 --consistency-models read-committed \
	--availability total --nemesis partition

# Under the original nodes have no folder for their data, and so never wait for a disk. Neither do
# they here, so that figures can be compared.
LIKE_FOR_LIKE := $(if $(IS_BUILT_IN),--no-data-dir)
# The built-in bench says at the end whether the goal is met.
GOAL = $(if $(IS_BUILT_IN),--challenge $(@:challenge-%=%))

$(CHALLENGES):
	$(build_node)
	$(MAELSTROM) test $(FLAGS) $(LIKE_FOR_LIKE) $(GOAL) $(SEED_FLAG) $(ARGS) \
	  $(addprefix -- ,$(NODE_ARG))

# ---- the rest --------------------------------------------------------------------------------

# The nodes' test program has nodes and bench in one. Cargo gives it a name that changes.
SWEEP := target/sweep
sweep-nodes: ## Put the program for `maelstrom sweep --in-process` into target/sweep
	@mkdir -p $(SWEEP)
	@set -o pipefail; $(CARGO) test --release --no-run --workspace --test nodes 2>&1 | \
	  tee /dev/stderr | sed -n 's,^ *Executable tests/nodes.rs (\(.*\))$$,\1,p' | \
	  { read -r program && install "$$program" $(SWEEP)/nodes; }

sweep: sweep-nodes ## Run every node over SEEDS (1000 of them) with every fault, and report it
	@$(CARGO) build --release --quiet --workspace --bin maelstrom
	@$(BUILT_IN) sweep --in-process $(SWEEP)/nodes --out $(or $(OUT),swept) \
	  --seeds $(if $(findstring ..,$(SEEDS)),$(SEEDS),0..$(or $(SEEDS),1000)) $(ARGS)

test-slurm: build sweep-nodes ## Sweep under a real Slurm, with a node killed (needs its packages)
	@deploy/test-slurm $(BUILT_IN) $(SWEEP)/nodes

serve: ## Show the runs in store/ in a browser, at port 8080
	@$(CARGO) build --profile $(PROFILE) --quiet --workspace --bin maelstrom
	@$(BUILT_IN) serve $(ARGS)

# One file: the page with its styles and programs, and the module, packed, in it.
PLAYGROUND := target/playground
PLAYGROUND_PORT := 8090
HAS_WASM = [ -d "$$(rustc --print target-libdir --target $(WASM))" ]
playground-build: ## Build the playground, the bench in a web page, into target/playground
	@$(HAS_WASM) || { echo "The playground needs Rust's target for browsers:" \
	  "rustup target add $(WASM)" >&2; exit 1; }
	@mkdir -p $(PLAYGROUND)
	@[ -e $(PLAYGROUND)/index.html ] || echo "Building the playground. The first time this takes" \
	  "some minutes." >&2
	@$(CARGO) build --profile page --quiet --package playground --target $(WASM)
	@# A name of its own until it is whole: two may build it at once.
	@set -o pipefail; new=$$(mktemp $(PLAYGROUND)/new.XXXXXX) && trap 'rm -f "$$new"' EXIT && \
	  gzip --best --stdout target/$(WASM)/page/playground.wasm | base64 | \
	  awk '/^@module$$/ { while ((getline line < "-") > 0) print line; next } \
	    /^@include / { while ((is_line = getline line < $$2) > 0) print line; \
	      if (is_line < 0) { print "cannot read " $$2 > "/dev/stderr"; exit 1 } next } 1' \
	    playground/page/index.html > "$$new" && \
	  chmod 644 "$$new" && mv "$$new" $(PLAYGROUND)/index.html
	@{ sed -nE 's/^    \("([^"]+)", [a-z_]+::[a-z_]+\),$$/\1/p' playground/src/nodes.rs; \
	  basename -s .rs bugs/src/bin/*.rs; } > $(PLAYGROUND)/nodes
	@echo "$(PLAYGROUND)/index.html"

playground: playground-build ## Build the playground, and serve it at port 8090
	@command -v python3 > /dev/null || { echo "There is no python3 to serve it with. It needs no" \
	  "server: open $(CURDIR)/$(PLAYGROUND)/index.html in a browser." >&2; exit 1; }
	@echo "http://localhost:$(PLAYGROUND_PORT)/"
	@python3 -m http.server --directory $(PLAYGROUND) $(PLAYGROUND_PORT)

frontier: ## Measure what each setting of broadcast costs, and plot it into the book
	@$(CARGO) bench --quiet --bench broadcast_frontier -- --plot book/broadcast-frontier.svg

# A row for each of the first seeds on which a bug shows: how small the run becomes.
SHRUNK := book/shrunk-bugs.md

# The first time, MEND=1 leaves the node there, for whoever wants to mend it.
MENDED := bugs/examples

$(BUGS:%=bug-%): bug-%:
	@[ -e $(BIN)/$* ] || echo "Building the node. The first time this takes a minute." >&2
	@$(CARGO) build --release --quiet --workspace --bin $*
ifndef MEND
	@$(BIN)/$* --show
else ifdef SOLUTION
	@$(BIN)/$* --judge --solution
else
	@[ -e $(MENDED)/$*.rs ] || { mkdir -p $(MENDED) && $(BIN)/$* --to-mend > $(MENDED)/$*.rs && \
	  echo "Mend $(MENDED)/$*.rs, and then try again: make $@ MEND=1"; }
	@$(CARGO) build --release --quiet --workspace --example $*
	@$(BIN)/examples/$* --judge
endif

MUSEUM := target/museum
museum: ## Check every bug, and write its page and the table in bugs/README.md
	@MUSEUM=$(MUSEUM) $(CARGO) test --release --quiet --workspace --test bugs museum -- --nocapture

shrunk-bugs: ## Make failing runs of every bug as small as they get, and tabulate them in the book
	@$(CARGO) build --release --quiet --workspace $(BUGS:%=--bin %)
	@sed '/^| bug/,$$d' $(SHRUNK) > $(SHRUNK).new
	@printf '%s\n%s\n' \
	  '| bug | seed | fails by | seen by | operations before | after | clients | nodes | faults | lost or late | messages before | after | of operations | seconds |' \
	  '|---|--:|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|' >> $(SHRUNK).new
	@for bug in $(BUGS); do $(BIN)/$$bug --shrink >> $(SHRUNK).new || exit 1; done
	@mv $(SHRUNK).new $(SHRUNK)
	@for column in '7 operations' '14 messages of operations' '15 seconds'; do \
	  grep -E '^\| [a-z-]+ \| [0-9]' $(SHRUNK) | cut -d'|' -f$${column%% *} | sort -n | \
	  awk -v what="$${column#* }" '{ all[NR] = $$1 } END { \
	    print what ": median " all[int((NR + 1) / 2)] ", most " all[NR] " of " NR " runs" }'; \
	done

# ---- the book --------------------------------------------------------------------------------

exercise-%:
	@[ -e $(BIN)/exercise ] || echo "Building the exercises. The first time this takes a minute." >&2
	@$(CARGO) build --release --quiet --workspace --bin exercise
	@$(BIN)/exercise $* $(if $(SOLUTION),--solution)

MDBOOK_VERSION := 0.5.4
MDBOOK := target/mdbook-$(MDBOOK_VERSION)/bin/mdbook

$(MDBOOK):
	@echo "Building mdbook $(MDBOOK_VERSION). This takes some minutes, once." >&2
	@$(CARGO) install mdbook --version $(MDBOOK_VERSION) --locked --quiet \
	  --root target/mdbook-$(MDBOOK_VERSION)

# Where the playground is built, each chapter has its scene on the page.
PLAYGROUND_PAGE = $(wildcard $(PLAYGROUND)/index.html)
book: $(MDBOOK) ## Build the book into target/book
	@$(if $(PLAYGROUND_PAGE),PLAYGROUND=playground.html) $(MDBOOK) build book
	@$(if $(PLAYGROUND_PAGE),cp $(PLAYGROUND_PAGE) target/book/playground.html)
	@echo "target/book/index.html"

book-serve: $(MDBOOK) ## Show the book in a browser, at port 3000, and again when it changes
	@$(MDBOOK) serve book

# The bugs that the chapters run: of this package no more is built.
BOOK_BUGS = $(filter $(BUGS),$(shell grep -ohE \
	'(--bin |^\$$ )$(BIN)/[a-z-]+|^\$$ make bug-[a-z-]+' book/[0-9]*.md | \
	sed 's,.*/,,; s,.*bug-,,' | sort -u))
# As `make test` builds them: after it, nothing is built twice.
define build_book
@$(CARGO) build --release --quiet --workspace --test book \
  $(addprefix --bin ,maelstrom exercise $(BOOK_BUGS))
endef

book-programs: ## Build all programs that the chapters run
	@echo "Building what the chapters run. The first time this takes some minutes." >&2
	$(build_book)

book-test: ## Run every command in the book, and compare what it prints and draws
	$(build_book)
	@BOOK=run CHAPTER=$(CHAPTER) $(CARGO) test --release --quiet --workspace --test book

book-update: ## Write the book's quotes, outputs and figures anew
	$(build_book)
	@BOOK=update CHAPTER=$(CHAPTER) $(CARGO) test --release --quiet --workspace --test book

# Each round is another one: where it ends, or hangs for ten minutes, what was read is kept.
FUZZED := target/fuzz
fuzz: ## Damage histories and models for MINUTES (60), and see that all is read and judged
	@mkdir -p $(FUZZED)
	@$(CARGO) test --release --quiet --package checker --test fuzz --no-run
	@end=$$(( $$(date +%s) + 60 * $(or $(MINUTES),60) )); rounds=0; \
	while [ $$(date +%s) -lt $$end ]; do \
	  FUZZ_KEEP=$(CURDIR)/$(FUZZED) PROPTEST_CASES=1000 timeout 600 \
	    $(CARGO) test --release --quiet --package checker --test fuzz > $(FUZZED)/log 2>&1 || { \
	    tail -30 $(FUZZED)/log; echo "What was read stands in $(FUZZED). Once it is mended, put it" \
	      "into checker/tests/corpus."; exit 1; }; \
	  rounds=$$((rounds + 1)); \
	done; echo "$$rounds rounds of 4,000 inputs were no trouble."

bench: build ## Measure speed, side by side with others
	$(CARGO) bench --workspace --quiet --bench '*'

semver: ## Say how the interfaces of the two libraries have changed since REV (main)
	@command -v cargo-semver-checks > /dev/null || { \
	  echo "This needs cargo-semver-checks: cargo install cargo-semver-checks --locked" >&2; exit 1; }
	$(CARGO) semver-checks --package checker --package gyre --baseline-rev $(or $(REV),main)

build-times: ## Measure what a newcomer waits for: a fresh clone, then make test-echo
	@benches/build-times

# For those who only want the bench: nothing else is needed to run it.
DIST_TARGET ?= $(shell uname -m)-unknown-linux-musl
DIST_NAME = maelstrom-$(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)-$(DIST_TARGET)
DIST = target/dist/$(DIST_NAME)
DIST_BIN = target/$(DIST_TARGET)/release/maelstrom
DIST_COMMANDS := test check analyze shrink sweep serve demo doc completions
dist: ## Make an archive with the bench: a static program, completions, manual pages
	@[ -d "$$(rustc --print target-libdir --target $(DIST_TARGET))" ] || \
	  rustup target add $(DIST_TARGET) || { \
	  echo "There is no standard library for $(DIST_TARGET) here, and rustup did not bring it." \
	    "Name a target that you have: make dist DIST_TARGET=$$(rustc -vV | sed -n 's/host: //p')" \
	    >&2; exit 1; }
	$(CARGO) build --release --locked --workspace --bin maelstrom --target $(DIST_TARGET)
	@rm -rf $(DIST) && mkdir -p $(DIST)/completions $(DIST)/man
	@cp $(DIST_BIN) LICENSE-APACHE LICENSE-MIT $(DIST)
	@for shell in bash elvish fish powershell zsh; do \
	  $(DIST_BIN) completions $$shell > $(DIST)/completions/maelstrom.$$shell || exit 1; done
	@$(DIST_BIN) man > $(DIST)/man/maelstrom.1
	@for command in $(DIST_COMMANDS); do \
	  $(DIST_BIN) man $$command > $(DIST)/man/maelstrom-$$command.1 || exit 1; done
	@tar --create --gzip --file $(DIST).tar.gz --sort=name --owner=0 --group=0 \
	  --directory target/dist $(DIST_NAME)
	@echo $(DIST).tar.gz

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
