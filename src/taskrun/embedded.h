/*
 * embedded: files that the program carries in itself; made by embed.py.
 */
#pragma once

#include <stddef.h>

extern const unsigned char embedded_seccomp[]; /* content/seccomp/docker-default.json */
extern const size_t embedded_seccomp_size;
extern const unsigned char embedded_init[]; /* init.c, linked statically */
extern const size_t embedded_init_size;
