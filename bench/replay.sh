#!/bin/bash
# bench/replay.sh BUILD [BYTES]: whole processes over one generated capture, in the same run: Hinomi with
# all stock rules against `gzip -dc` of it, and against sysdig with one filter; plain and gzip. Medians.
set -eu
build=${1:?build directory}
bytes=${2:-400000000}
runs=${RUNS:-5}
shared=${HINOMI_SHARED:-../shared}
rules=()
for name in falco_rules falco-incubating_rules falco-sandbox_rules; do
    rules+=("$shared/peer-rules/$name.yaml")
done
if [[ ! -r ${rules[0]} ]]; then
    echo "skipped: no stock rules in $shared/peer-rules"
    exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
capture=$folder/capture.scap
"$build/bench/gencapture" --bytes "$bytes" "$capture"
gzip -k "$capture"

seconds()
{
    local begin=$EPOCHREALTIME
    "$@" >/dev/null 2>&1
    local end=$EPOCHREALTIME
    awk -v a="$begin" -v b="$end" 'BEGIN { printf "%.3f\n", b - a }'
}

# The median of as many runs as there are words before the middle.
median()
{
    for ((i = 0; i < runs; i++)); do
        seconds "$@"
    done | sort -n | sed -n "$(((runs + 1) / 2))p"
}

report()
{
    printf '%-44s %8s s\n' "$1" "$2"
}

ratio()
{
    awk -v a="$2" -v b="$3" -v name="$1" 'BEGIN { printf "%-44s %8.2f\n", name, a / b }'
}

hinomi=("$build/hinomi" replay --rules "${rules[@]}")
inflate=$(median gzip -dc "$capture.gz")
ours_gzip=$(median "${hinomi[@]}" "$capture.gz")
ours_plain=$(median "${hinomi[@]}" "$capture")
report "gzip -dc" "$inflate"
report "hinomi, 93 stock rules, gzip" "$ours_gzip"
report "hinomi, 93 stock rules, plain" "$ours_plain"
ratio "hinomi gzip / gzip -dc (target 0.4)" "$ours_gzip" "$inflate"
if command -v sysdig >/dev/null; then
    runs=1
    filter='evt.type=openat and fd.name startswith /etc and proc.name=cat'
    theirs_gzip=$(median sysdig -r "$capture.gz" "$filter")
    theirs_plain=$(median sysdig -r "$capture" "$filter")
    report "sysdig, one filter, gzip" "$theirs_gzip"
    report "sysdig, one filter, plain" "$theirs_plain"
    ratio "sysdig / hinomi, gzip (target 8)" "$theirs_gzip" "$ours_gzip"
    ratio "sysdig / hinomi, plain (target 10)" "$theirs_plain" "$ours_plain"
else
    echo "skipped: sysdig is not installed"
fi
