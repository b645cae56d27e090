#!/usr/bin/env bash
# A sweep on a handful of machines, with GNU parallel. Each machine of the list has this repository
# built in the same place, and sees the folder OUT; `:` is the machine that this runs on.
#
#   MACHINES=:,alice,bob OUT=/shared/swept SEEDS=0..1000000 deploy/parallel.sh
#
# A shard that fails is tried twice more; started again, all goes on where it was.
set -euo pipefail
: "${SEEDS:?which seeds, such as 0..1000000}" "${OUT:?the folder for the results}"
SHARDS=${SHARDS:-50}
BENCH=${BENCH:-$PWD/target/release/maelstrom}
NODES=${NODES:-$PWD/target/sweep/nodes}

seq 0 $((SHARDS - 1)) | parallel --sshlogin "${MACHINES:-:}" --workdir "$PWD" --retries 3 \
  "$BENCH sweep --in-process $NODES --seeds $SEEDS ${FLAGS:-} --shard {}/$SHARDS --jobs 1 --out $OUT"
"$BENCH" sweep merge "$OUT"
