/*
 * scene: an event and the state around it, built from lines of text, for tests of rules.
 *
 *     user uid=0 name=root home=/root shell=/bin/sh
 *     group gid=0 name=root
 *     container id=0123456789ab name=web image=nginx repository=docker.io/nginx tag=1 privileged=true
 *     container ... mount=/src:/dst:rw label=app:web
 *     proc pid=10 parent=1 name=cat exe=cat exepath=/bin/cat args="-n x" env="A=1 B=2" cwd=/root
 *     proc ... tid= vpid= sid= pgid= vpgid= uid= gid= loginuid= tty= container=ID exec_ts= clone_ts=
 *     fd pid=10 num=3 type=file name=/etc/passwd
 *     fd pid=10 num=4 type=ipv4 l4=tcp name=10.0.0.1:1000->10.0.0.2:443 role=client
 *     event openat exit @tid=10 fd=3 name=/etc/passwd flags=O_RDONLY res=-ENOENT
 *
 * Values with blanks are quoted; within quotes \n, \t, \xHH, \", \\. An event's parameters are those of
 * the newest kind of that name; what is not given is zero or empty. @tid, @ts (ns), @cpu, @num belong to
 * the event itself.
 */
#pragma once

#include "base/err.h"
#include "event/event.h"
#include "event/field.h"
#include "event/state.h"

#define SCENE_EVENT_MAX 65536

struct scene {
    struct state *state;
    struct event event;
    struct view view;
    uint8_t data[SCENE_EVENT_MAX];
    char text[SCENE_EVENT_MAX]; /* unquoted values of the line being read */
    size_t text_n;
    bool has_event;
    bool is_applied;
};

int scene_init(struct scene *scene);
void scene_done(struct scene *scene);
/* Starts anew. */
int scene_reset(struct scene *scene);
/* One line as above. */
int scene_line(struct scene *scene, struct str line, struct err *err);
/* The view for evaluation; the first call applies the event to the state. NULL: there is no event. */
struct view *scene_view(struct scene *scene);
