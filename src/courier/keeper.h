/*
 * keeper: a small process that has a worker at any time.
 *
 *     to the server: a byte with the descriptor of the server's end of a new worker's socket
 *     from it:       a byte: the worker hangs, another one please
 */
#pragma once

#include "base/err.h"

/* 0: *ret_control is the server's end; the keeper ends when it is closed. */
int keeper_fork(int *ret_control, struct err *err);
/* A worker's socket; -EAGAIN: none yet; -EPIPE: the keeper ended. */
int keeper_take(int control);
void keeper_kill(int control);
