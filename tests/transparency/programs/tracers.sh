#!/bin/sh
# Tracers that attach to a program at work: tracers.sh PROBE ROUNDS. The program must not notice, and
# each tracer must get hold of it.
probe=$1 rounds=$2
"$probe" opener $((rounds * 4000)) >opener &
opener=$!
sleep 0.1
attached=0
for round in $(seq "$rounds"); do
    timeout -s INT 0.3 strace -qq -p $opener -e trace=openat -o trace-$round 2>trace-errors-$round
    if [ -s trace-$round ] && ! grep -q 'not permitted' trace-errors-$round; then
        attached=$((attached + 1))
    else
        cat trace-errors-$round
    fi
    if gdb -nx -batch -p $opener -ex 'info threads' -ex detach 2>&1 | grep -q "^\* 1"; then
        attached=$((attached + 1))
    fi
done
kill $opener
wait $opener
echo "attached $attached of $((2 * rounds)); ended $?"
