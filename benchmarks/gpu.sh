#!/usr/bin/env bash
# Everything that is measured on a GPU, in one call of at most nine minutes, in order of value.
#
#   OUT=gpu bash benchmarks/gpu.sh                            # or: bash benchmarks/gpu.sh --out gpu
#   DEVICE=cpu SCALE=tiny OUT=gpu bash benchmarks/gpu.sh      # a rehearsal of every part, in about a minute
#
# Needs python3 with torch, NumPy, pandas, pyarrow, scikit-learn, safetensors, filelock and pytest; installs nothing.
# Each part has its own time limit, and what is left of LIMIT seconds if that is less; one that fails stops no other.
# In OUT, six files: log.txt; parts.json (how each part ended); and JSON lists of measurements, written after
# each part and every 20 s within a table, which results/cost/ takes as they are: checks_gpu.json, training_gpu.json,
# table_gpu.json, campaign_gpu.json.
set -u

while [ $# -gt 0 ]; do
  case $1 in
    --out) OUT=${2:?--out needs a folder}; shift 2 ;;
    *) echo "gpu.sh: unknown argument $1; it takes --out FOLDER" >&2; exit 2 ;;
  esac
done
OUT=${OUT:?name a folder for the results: OUT=folder bash benchmarks/gpu.sh}
DEVICE=${DEVICE:-cuda}
SCALE=${SCALE:-paper}
SLACK=1
[ "$SCALE" = tiny ] && SLACK=5 # a rehearsal may share a slow processor
LIMIT=${LIMIT:-$((530 * SLACK))}
mkdir -p "$OUT" && OUT=$(cd "$OUT" && pwd) || exit 2
for file in log.txt parts.json checks_gpu.json training_gpu.json table_gpu.json campaign_gpu.json; do
  [ -e "$OUT/$file" ] && { echo "gpu.sh: $OUT holds $file of an earlier call; name another folder" >&2; exit 2; }
done

HERE=$(cd "$(dirname "$0")" && pwd)
cd "$HERE/.." || exit 2
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1
export UFAMA_WORKSPACE="$WORK/workspace" TORCHINDUCTOR_CACHE_DIR="${TORCHINDUCTOR_CACHE_DIR:-$WORK/compiled}"

PARTS=""
FAILED=0

# part NAME SECONDS COMMAND...: run a command within SECONDS and what is left of LIMIT.
part() {
  local name=$1 limit=$(($2 * SLACK)) left=$((LIMIT - SECONDS)) start=$SECONDS status
  shift 2
  [ "$limit" -gt "$left" ] && limit=$left
  echo "== $name (at most $limit s)" | tee -a "$OUT/log.txt"
  if [ "$limit" -lt 5 ]; then
    status="not started"
  else
    timeout --signal=INT --kill-after=5 "$limit" "$@" >>"$OUT/log.txt" 2>&1
    case $? in 0) status=done ;; 124 | 137) status="time was up" ;; *) status=failed ;; esac
  fi
  [ "$status" = done ] || { FAILED=1 && tail -n 5 "$OUT/log.txt"; }
  echo "== $name: $status after $((SECONDS - start)) s" | tee -a "$OUT/log.txt"
  PARTS="$PARTS${PARTS:+,}
  {\"name\": \"$name\", \"status\": \"$status\", \"seconds\": $((SECONDS - start)), \"limit\": $limit}"
  printf '{"benchmark": "parts", "device": "%s", "scale": "%s", "parts": [%s\n]}\n' "$DEVICE" "$SCALE" "$PARTS" \
    >"$OUT/parts.json.new" && mv "$OUT/parts.json.new" "$OUT/parts.json"
}

# The seconds of a table's own limit: a little less than those of its part, so that it ends by itself.
within() { local limit=$(($1 * SLACK)) left=$((LIMIT - SECONDS)); echo $(((limit < left ? limit : left) - 12)); }

if [ "$SCALE" = tiny ]; then
  COMPILED="" ALL="1 2" WINDOWS="--windows 40" REPEATS="--repeats 1 --steps 1 --no-memory"
  FULL="--full --epochs 2 --subjects 3" PROFILE="--epochs 1 --subjects 3"
  EQUALITY="--presets paper --precisions float64 --runs 1" CAMPAIGN="--grid book --scale smoke --time-limit 15"
else
  COMPILED=--compile ALL="1 36 45" WINDOWS="" REPEATS="--repeats 7 --steps 26" FULL=--full
  PROFILE="--epochs 21" EQUALITY="" CAMPAIGN="--scale tenth --time-limit 60"
fi
ONE=${ALL#1 } ONE=${ONE%% *}
# shellcheck disable=SC2086 # the variables above hold several arguments
{
  step() { local name=$1 limit=$2; shift 2
    part "$name" "$limit" python3 benchmarks/training.py --device "$DEVICE" $WINDOWS --json --add-to "$OUT/training_gpu.json" "$@"; }
  table() { local name=$1 limit=$2; shift 2
    part "$name" "$limit" python3 benchmarks/training.py --table --device "$DEVICE" $WINDOWS --precision bf16 $COMPILED \
      --time-limit "$(within "$limit")" --json --add-to "$OUT/table_gpu.json" "$@"; }

  part environment 20 python3 benchmarks/machine.py --device "$DEVICE" --add-to "$OUT/checks_gpu.json"
  part "tests on the GPU" 60 python3 benchmarks/gpu_tests.py --add-to "$OUT/checks_gpu.json"
  part equality 45 python3 benchmarks/equality.py --device "$DEVICE" $EQUALITY --json --add-to "$OUT/checks_gpu.json"
  step "step, bf16" 50 --precision bf16 --runs $ALL $REPEATS
  if [ -n "$COMPILED" ]; then
    step "step, bf16, compiled" 60 --precision bf16 --compile --runs $ONE $REPEATS
    step "step, bf16, compiled, other sizes" 70 --precision bf16 --compile --runs ${ALL/ $ONE/} $REPEATS
  fi
  step "step, tf32" 25 --precision tf32 --runs $ONE $REPEATS
  step "step, float32" 25 --precision float32 --runs $ONE $REPEATS
  table "whole table, SEED" 115 --shape seed $FULL
  table "whole table, SEED-IV" 125 --shape seed_iv $FULL
  table "profile, SEED" 40 --shape seed $PROFILE
  table "profile, SEED-IV" 40 --shape seed_iv $PROFILE
  part "campaign with a time limit" 85 python3 benchmarks/campaign.py --device "$DEVICE" --precision bf16 $CAMPAIGN \
    --json --add-to "$OUT/campaign_gpu.json"
}
echo "all parts after $SECONDS s; results in $OUT"
exit $FAILED
