#!/bin/sh
# One job for a shell, whatever stands before the program.
[ "$1" = sleep ] && echo begin && exec sleep 30
trap 'echo interrupted; exit 6' INT
echo begin
while read -r line; do echo "got $line"; done
echo end
exit 5
