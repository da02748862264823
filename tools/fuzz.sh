#!/bin/bash
# Runs every libFuzzer target of a build directory for some seconds: fuzz.sh DIR SECONDS [TARGET...]
# New inputs are kept in DIR/corpus/<target>, failing ones in DIR/crashes.
set -eu
build=$1
seconds=$2
shift 2

targets=("$@")
if [[ $# -eq 0 ]]; then
    for program in "$build"/fuzz/fuzz-*; do
        if [[ -x $program && ! -d $program ]]; then
            targets+=("${program##*/fuzz-}")
        fi
    done
fi
mkdir -p "$build/crashes"
failed=()
for target in "${targets[@]}"; do
    mkdir -p "$build/corpus/$target" "fuzz/corpus/$target"
    options=(-max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1
        -verbosity=1 -artifact_prefix="$build/crashes/$target-")
    [[ ! -e fuzz/$target.dict ]] || options+=(-dict="fuzz/$target.dict")
    echo "== $target ($seconds s)"
    if ! "$build/fuzz/fuzz-$target" "${options[@]}" "$build/corpus/$target" \
        "fuzz/corpus/$target" >"$build/fuzz-$target.log" 2>&1; then
        failed+=("$target")
        tail -n 40 "$build/fuzz-$target.log"
    fi
    grep -E '^stat::(number_of_executed_units|average_exec_per_sec|peak_rss_mb)' \
        "$build/fuzz-$target.log" || true
done
if [[ ${#failed[@]} -gt 0 ]]; then
    echo "found failures in: ${failed[*]} (inputs in $build/crashes)" >&2
    exit 1
fi
