#!/bin/sh
# A web server that is reloaded while it is asked: nginx.sh PORT.
port=$1
PATH=$PATH:/usr/sbin
mkdir -p temp root
head -c 300000 /dev/zero | tr '\0' x >root/large
echo small >root/small
cat >nginx.conf <<EOF
pid $PWD/nginx.pid; error_log $PWD/error.log; worker_processes 2;
events { worker_connections 64; }
http { access_log off; client_body_temp_path $PWD/temp/a; proxy_temp_path $PWD/temp/b; fastcgi_temp_path $PWD/temp/c;
uwsgi_temp_path $PWD/temp/d; scgi_temp_path $PWD/temp/e; server { listen 127.0.0.1:$port; root $PWD/root; } }
EOF
chmod 755 . root
chmod 644 root/*
nginx -e error.log -c "$PWD/nginx.conf" || exit 1
ask()
{
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        curl -sS --fail --retry 3 --retry-connrefused "http://127.0.0.1:$port/small" -o /dev/null \
            "http://127.0.0.1:$port/large" -o /dev/null || echo "request $i: $?"
    done
}
ask & one=$!
ask & other=$!
for i in 1 2 3 4 5; do
    sleep 0.1
    kill -HUP "$(cat nginx.pid)"
done
wait $one $other
curl -sS "http://127.0.0.1:$port/small" "http://127.0.0.1:$port/absent" -w '%{http_code}\n' | grep -v nginx
kill -QUIT "$(cat nginx.pid)"
while [ -e nginx.pid ]; do sleep 0.02; done
grep -E -c 'emerg|alert|crit' error.log
