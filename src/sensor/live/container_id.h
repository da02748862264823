/*
 * container_id: which container a process is in, when its control group does not say so.
 *
 * In a private cgroup namespace (Docker's default with cgroup v2) /proc/PID/cgroup is "0::/". Then the
 * runtime's own files tell: it mounts /etc/hostname, /etc/hosts and /etc/resolv.conf from a folder named
 * after the id (Docker: .../containers/ID/, Podman and CRI-O: .../overlay-containers/ID/, nerdctl:
 * .../containers/NAMESPACE/ID/, Fargate: a folder named as its ids are).
 */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONTAINER_CGROUP_MAX 96

/*
 * A control group to put beside the process' own, so that it is known to be in a container:
 * "mountinfo=/ecs/ID", or, in a process namespace of its own whose container nobody names,
 * "pidns=/container/" and 64 digits made of that namespace's number. Where that is this process' own too
 * (containers of a task sharing one), "mntns=/container/" and the mount namespace's, unless that is this
 * process' own as well. Returns its length without NUL; 0 on the host (and in its process namespace), or
 * when it cannot be told.
 */
size_t container_cgroup(int64_t pid, char ret[CONTAINER_CGROUP_MAX]);
/* Of a thread's control groups ("a=/x" NUL "b=/y" NUL): was the container's name made up as above? */
bool container_is_made_up(struct str cgroups);
/* The same number for processes of one mount namespace; 0 not known. */
uint64_t container_mounts(int64_t pid);
/* Number of the process namespace; 0 the machine's first, or not known. */
uint64_t container_namespace(int64_t pid);
uint64_t container_namespace_of(uint64_t pidns); /* its inode; 0 not known */
/* The id in the text of a mountinfo file, whole; empty: none. */
struct str container_id_in_mounts(struct str mountinfo);
