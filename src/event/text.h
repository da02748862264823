/*
 * text: bytes of processes as text that is safe to show and to compare.
 */
#pragma once

#include "base/buf.h"
#include "base/str.h"

/* All of these write what fits below the buffer's limit and mark the buffer failed if that is not
 * all. */

void text_put(struct buf *buf, struct str s);

/*
 * Without control characters and bytes that are not UTF-8: names of files and sockets. What is well
 * formed and printable stays as it is.
 */
void text_printable(struct buf *buf, struct str s);

/* One character for each byte, a dot for those that are not printable ASCII: data, argument blocks.
 */
void text_dots(struct buf *buf, struct str bytes);
