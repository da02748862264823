#!/bin/sh
# A store with a background save and append-only file: redis.sh PORT.
port=$1
redis-server --port "$port" --bind 127.0.0.1 --dir "$PWD" --appendonly yes --daemonize no >log 2>&1 &
server=$!
say() { redis-cli -p "$port" "$@"; }
until [ "$(say ping 2>/dev/null)" = PONG ]; do sleep 0.02; done
for i in $(seq 200); do echo "set key:$i value$i"; done | say >answers
sort answers | uniq -c
redis-benchmark -p "$port" -n 2000 -c 8 -q -t set,get >/dev/null && echo measured
say eval 'return redis.call("get", KEYS[1])' 1 key:7
say save
say bgrewriteaof
say config set appendfsync always
say debug reload 2>&1
say shutdown
wait $server
echo "ended $?"
ls
