/*
 * events_internal: what the files that make events share.
 */
#pragma once

#include "event/value.h"
#include "sensor/notify/events.h"

/* An event being made of a call. */
struct making {
    const struct call_args *args;
    const struct call_outcome *outcome;
    struct made_event *made;
};

/*
 * How an exit event's parameters come from its call: one token for each, in order: a letter and, where it
 * has one, the number of a register, or of a word of .bytes. NULL: the kind has none.
 *
 *     r  result       iN  an int       yN  an unsigned int       xN  a register as it is
 *     p q  paths      d e  their directories      N  the canonical path
 *     t  a text       j J  first and second text, no parameter when there is none
 *     O M V  flags, mode, resolve flags of an open     H  of creat: the layer
 *     D I  device and inode of the file
 *     s  the address      T  tuple of a call that sends      A  of one that accepts      Z  bytes sent
 *     b  .bytes       aN  its word of 32 bits      UN  the same, flags of io_uring_setup
 *     BN  capset's effective (0), permitted (1), inheritable (2) set      LN  rlimit's cur (0), max (1)
 *     oN  flags of a descriptor      cN  of clone      gN  protection      hN  of mmap
 *     kN  of mount      vN  of delete_module      mN  mode bits      fN  fcntl's command
 *     PN  ptrace's request      XN  its address or data      QN  prctl's number
 *     z  zero      n  -1      -  no parameter
 */
const char *event_recipe(uint16_t kind);

/* A parameter of the socket family. */
void event_put_address(struct making *making);
void event_put_sent_tuple(struct making *making);
void event_put_accepted_tuple(struct making *making);

/* A text that is empty where none could be read is "<NA>", as in captures. */
void event_put_text(struct made_event *made, struct str text);

void event_begin(struct making *making, uint16_t kind);
void event_end(struct making *making);
