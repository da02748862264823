#!/bin/bash
# make tour: replays a capture with Hinomi's own rules and shows the alerts, then watches a command live and refuses
# what it does. With --exit it asks nothing. Fails unless exactly the expected rules fired.
set -eu
build=${BUILD:-build}
hinomi=$build/hinomi
capture=tests/data/demo.scap
rules=content/rules
interactive=1
for argument in "$@"; do
    case $argument in
    --exit) interactive=0 ;;
    *) echo "usage: tools/tour.sh [--exit]" >&2; exit 2 ;;
    esac
done
[[ -t 0 && -t 1 ]] || interactive=0
bold='' dim='' plain=''
if [[ -t 1 ]]; then
    bold=$'\033[1m' dim=$'\033[2m' plain=$'\033[0m'
fi
own=$(mktemp --suffix=.yaml)
folder=$(mktemp -d)
trap 'rm -rf "$own" "$folder"' EXIT

# Rules and how often they are to fire: with Hinomi's rules, and with one more list item.
expected="1 Configuration written below etc
1 Connection to a mining port
1 Credential file read
1 Malicious filenames written
1 Miner file written
1 Miner started
1 Shell started by a server in a container"
expected_own="2 Malicious filenames written
1 Miner started"

say()
{
    printf '\n%s%s%s\n' "$bold" "$*" "$plain"
}

show()
{
    printf '%s$ %s%s\n\n' "$dim" "$*" "$plain"
}

pause()
{
    if [[ $interactive -eq 1 ]]; then
        read -r -p "(enter to go on) " _ || interactive=0
    fi
}

# fired ALERTS: "COUNT RULE" lines, sorted by rule
fired()
{
    sed -n 's/.*"rule":"\([^"]*\)".*/\1/p' <<<"$1" | sort | uniq -c | sed 's/^ *//'
}

# require EXPECTED ALERTS
require()
{
    local got
    got=$(fired "$2")
    if [[ $got != "$1" ]]; then
        say "The tour failed: other rules fired than it is made for."
        diff <(echo "$1") <(echo "$got") >&2 || true
        exit 1
    fi
}

say "A web shop is broken into"
cat <<END
The capture holds 41 seconds of a host's system calls: a container "shop" that serves web pages, backups,
cron. At 03:12:21 UTC somebody uses a hole in the shop's application to start a shell, reads /etc/shadow,
leaves a file named kinsing and a cron job behind, fetches a miner and starts it. What the rules
(written in the Falco language) make of it, you see in four steps; two more show a command being watched as it runs.
END
pause

say "1. The rules are sound"
show "$hinomi rules check $rules"
"$hinomi" rules check "$rules"
pause

say "2. What they see"
show "$hinomi replay --rules $rules $capture"
"$hinomi" replay --rules "$rules" "$capture" 2>&1
alerts=$("$hinomi" replay --rules "$rules" --json "$capture" 2>/dev/null)
require "$expected" "$alerts"
printf '\nSeven alerts, one for each thing the intruder did; none for all the rest.\n'
pause

say "3. The same for machines: an alert as JSON, in the shape that Falco's have"
show "$hinomi replay --rules $rules --json $capture | head -n 1"
head -n 1 <<<"$alerts"
pause

say "4. A list made yours"
cat >"$own" <<END
- list: malicious_filenames
  items: [refresh]
  override: {items: append}
END
echo "The cron job is named \"refresh\". A file of your own appends that name to a list of ours:"
echo
sed 's/^/    /' "$own"
echo
show "$hinomi replay --rules $rules own.yaml --priority critical $capture"
"$hinomi" replay --rules "$rules" "$own" --priority critical "$capture" 2>&1
alerts=$("$hinomi" replay --rules "$rules" "$own" --priority critical --json "$capture" 2>/dev/null)
require "$expected_own" "$alerts"
printf '\nThe cron job is critical now, too.\n'

say "5. Live: any command, without privilege"
if ! "$hinomi" doctor >"$folder/doctor" 2>&1; then
    echo "skipped: this machine does not let Hinomi watch a command ($hinomi doctor says why)"
else
    show "$hinomi run --rules $rules -- touch kinsing"
    alerts=$("$hinomi" run --rules "$rules" -- touch "$folder/kinsing" 2>&1) || {
        say "The tour failed: touch did not run."
        exit 1
    }
    echo "$alerts"
    [[ $alerts == *"known malicious name was written"* && -e $folder/kinsing ]] || {
        say "The tour failed: touch kinsing was not seen."
        exit 1
    }
    rm "$folder/kinsing"
    pause

    say "6. And refused, before it happens"
    show "$hinomi run --deny --rules $rules -- touch kinsing"
    status=0
    alerts=$("$hinomi" run --deny --rules "$rules" -- touch "$folder/kinsing" 2>&1) || status=$?
    echo "$alerts"
    [[ $status -eq 1 && $alerts == *"known malicious name was written"* && ! -e $folder/kinsing ]] || {
        say "The tour failed: touch kinsing was not refused."
        exit 1
    }
    printf '\ntouch got "Operation not permitted"; there is no file.\n'
fi

say "Try next"
cat <<END
  $hinomi rules describe --rule "Miner started" $rules
  $hinomi replay --filter 'evt.type = execve and evt.rawres = 0' --format '%proc.pname: %proc.cmdline' $capture
  $hinomi rules check YOUR_RULES.yaml
  $hinomi replay --rules YOUR_RULES.yaml YOUR_CAPTURE.scap
  $hinomi run --rules $rules -- bash
Rules written for Falco load as they are. docs/rules.md is the language, $hinomi --help the rest.
END
say "All as expected."
