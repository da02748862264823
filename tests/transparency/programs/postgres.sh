#!/bin/sh
# A database: made, started, asked, reloaded, stopped. postgres.sh PORT, as a user other than root.
set -e
port=$1
for folder in /usr/lib/postgresql/*/bin; do PATH=$folder:$PATH; done
export PATH PGHOST="$PWD" PGPORT="$port" LC_ALL=C
initdb -D data -A trust -N >initdb.log 2>&1 || { cat initdb.log; exit 1; }
cat >>data/postgresql.conf <<EOF
listen_addresses = '127.0.0.1'
unix_socket_directories = '$PWD'
max_parallel_workers_per_gather = 2
EOF
pg_ctl -D data -l log -w start >start.log || { cat start.log log; exit 1; }
psql -qtA -d postgres <<'EOF'
create table numbers as select i, i % 7 as seven from generate_series(1, 20000) i;
create index on numbers (seven);
select seven, count(*), sum(i) from numbers group by seven order by seven;
set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0;
select count(*) from numbers a join numbers b on a.i = b.i;
copy (select i from numbers where i <= 3) to program 'cat >copied';
select pg_reload_conf();
EOF
cat copied
for i in 1 2 3 4; do
    psql -qtA -h 127.0.0.1 -d postgres -c "select sum(i) + $i from numbers" >sum-$i &
done
wait
cat sum-1 sum-2 sum-3 sum-4
psql -qtA -d postgres -c 'select 1 / 0' 2>&1 || echo "psql: $?"
pg_ctl -D data -w -m fast stop
grep -c -i -E 'panic|crash|terminated by signal' log || true
