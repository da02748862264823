#!/bin/sh
# Builds hinomi-shim with musl: build.sh MUSL_GCC SOURCES GENERATED WORK OUTPUT FILE...
# musl-gcc knows no kernel headers: links to this system's are all that it gets.
set -eu
musl=$1
sources=$2
generated=$3
work=$4
output=$5
shift 5
headers=/usr/include
mkdir -p "$work"
ln -sfn "$headers/linux" "$work/linux"
ln -sfn "$headers/asm-generic" "$work/asm-generic"
ln -sfn "$headers/$("$musl" -print-multiarch)/asm" "$work/asm"
"$musl" -static -Os -s -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Werror -fno-strict-aliasing \
    -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables -fno-stack-protector \
    -Wl,--gc-sections -Wl,-z,norelro -isystem "$work" -I"$sources" -I"$generated" -o "$output" "$@"
