#!/bin/sh
# One job for a shell, whatever stands before the program.
trap 'echo interrupted' INT
echo begin
while read -r line; do echo "got $line"; done
echo end
exit 5
