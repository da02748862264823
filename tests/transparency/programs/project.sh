#!/bin/sh
# A build of COUNT sources in four jobs, twice: all, then one that changed. project.sh COUNT
count=$1
objects=
for i in $(seq "$count"); do
    echo "int f$i(int x) { return x + $i; }" >f$i.c
    echo "int f$i(int x);" >>all.h
    objects="$objects f$i.o"
done
{
    echo '#include <stdio.h>'
    echo '#include "all.h"'
    echo 'int main(void) { int x = 0;'
    for i in $(seq "$count"); do echo "x = f$i(x);"; done
    echo 'return printf("%d ", x) < 0 ? 1 : x & 127; }'
} >main.c
printf '%%.o: %%.c\n\tcc -O1 -c -o $@ $<\nmain: main.o%s\n\tcc -o $@ $^\n' "$objects" >Makefile
make -j4 >log 2>&1
echo "made $?"
sort log
./main
echo "ran $?"
touch -d '+1 minute' f1.c
make -j4 2>/dev/null | sort
make -j4 fail 2>&1
echo "failed $?"
