#!/bin/bash
# make demo: replays a capture with Hinomi's own rules and shows the alerts. With --exit it asks
# nothing, and fails unless exactly the expected rules fired.
set -eu
build=${BUILD:-build}
capture=tests/data/demo.scap
rules=(content/rules/*.yaml)
interactive=1
for argument in "$@"; do
    case $argument in
    --exit) interactive=0 ;;
    *) echo "usage: tools/demo.sh [--exit]" >&2; exit 2 ;;
    esac
done
[[ -t 0 && -t 1 ]] || interactive=0

expected="1 Configuration written below etc
1 Connection to a mining port
1 Credential file read
1 Malicious filenames written
1 Miner started
1 Shell started by a server in a container"

say()
{
    printf '\n\033[1m%s\033[0m\n' "$*"
}

pause()
{
    if [[ $interactive -eq 1 ]]; then
        read -r -p "(enter to go on) " _
    fi
}

say "The rules are checked first: $build/hinomi rules check ${rules[*]}"
"$build/hinomi" rules check "${rules[@]}"
pause

say "A capture of a web shop that gets broken into, replayed:"
echo "$build/hinomi replay --rules ${rules[*]} $capture"
echo
alerts=$("$build/hinomi" replay --rules "${rules[@]}" --json "$capture" 2>/dev/null)
"$build/hinomi" replay --rules "${rules[@]}" --stats "$capture"
pause

say "The same as JSON, for machines (the first alert):"
echo "$build/hinomi replay --json --rules ${rules[*]} $capture"
echo
head -n 1 <<<"$alerts"

fired=$(sed -n 's/.*"rule":"\([^"]*\)".*/\1/p' <<<"$alerts" | sort | uniq -c | sed 's/^ *//')
if [[ $fired != "$expected" ]]; then
    say "The demo failed: other rules fired than it is made for."
    diff <(echo "$expected") <(echo "$fired") >&2 || true
    exit 1
fi
say "As expected: $(grep -c . <<<"$fired") rules fired; nothing else in the capture raised an alert."
