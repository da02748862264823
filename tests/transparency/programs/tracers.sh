#!/bin/sh
# Tracers that attach to a program at work: tracers.sh PROBE ROUNDS. The program must not notice, and
# each tracer must get hold of it.
probe=$1 rounds=$2
"$probe" opener 1000000 >opener &
opener=$!
sleep 0.1
attached=0
strace_once()
{
    rm -f trace
    strace -qq -p $opener -e trace=openat -o trace 2>errors &
    strace=$!
    for look in $(seq 500); do
        [ -s trace ] && break
        kill -0 $strace 2>/dev/null || break
        sleep 0.02
    done
    kill -INT $strace 2>/dev/null
    wait $strace
    [ -s trace ] && ! grep -q 'not permitted' errors
}
gdb_once()
{
    gdb -nx -batch -p $opener -ex 'info threads' -ex detach 2>&1 | grep -q '^\* 1'
}
# Whoever comes in the instant in which the sensor traces the thread has to come again.
for round in $(seq "$rounds"); do
    for tracer in strace_once gdb_once; do
        if $tracer || $tracer || $tracer; then
            attached=$((attached + 1))
        fi
    done
done
kill $opener
wait $opener 2>/dev/null
echo "attached $attached of $((2 * rounds)); ended $?"
