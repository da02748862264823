/*
 * cleanup: the one clean-up idiom. Variables are initialised where declared; ownership leaves through
 * TAKE(). Destructors accept NULL and half-built objects.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(function) __attribute__((cleanup(function)))

/* Defines cleanup_<function>() for variables of type `type *`: CLEANUP(cleanup_arena_free). */
#define CLEANUP_DEFINE(type, function)                                                             \
    static inline void cleanup_##function(type **p)                                                \
    {                                                                                              \
        function(*p);                                                                              \
    }                                                                                              \
    struct cleanup_##function##_semicolon

/* Yields the pointer and leaves NULL behind. */
#define TAKE(pointer)                                                                              \
    ({                                                                                             \
        __typeof__(pointer) taken_ = (pointer);                                                    \
        (pointer) = NULL;                                                                          \
        taken_;                                                                                    \
    })

/* Yields the descriptor and leaves -1 behind. */
#define TAKE_FD(fd)                                                                                \
    ({                                                                                             \
        int taken_ = (fd);                                                                         \
        (fd) = -1;                                                                                 \
        taken_;                                                                                    \
    })

static inline void cleanup_free(void *p)
{
    free(*(void **)p);
}

static inline void cleanup_close(const int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

static inline void cleanup_fclose(FILE **file)
{
    if (*file) {
        fclose(*file);
    }
}
