"""Writes a seccomp program for x86-64 that refuses mkdir with EDOM: filter.py TARGET"""
import struct
import sys

MKDIR, EDOM = 83, 33
PROGRAM = [(0x20, 0, 0, 0), (0x15, 0, 1, MKDIR), (0x06, 0, 0, 0x00050000 | EDOM), (0x06, 0, 0, 0x7FFF0000)]

with open(sys.argv[1], "wb") as out:
    for item in PROGRAM:
        out.write(struct.pack("=HBBI", *item))
