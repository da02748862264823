/*
 * field_extractors: the functions that draw fields from events, by subject; and what they share.
 */
#pragma once

#include "event/field_internal.h"

struct param_names;

/* field_ancestry.c */
extractor extract_proc_parent_text;
extractor extract_proc_ppid;
extractor extract_proc_pvpid;
extractor extract_proc_ancestor;
extractor extract_proc_aenv;
extractor extract_proc_loginshellid;
extractor extract_proc_leader_text;
extractor extract_proc_start;

/* field_arg.c */
extractor extract_evt_arg;
extractor extract_evt_args;
extractor extract_evt_rawarg;
extractor extract_evt_buffer;
extractor extract_protocol;
extractor extract_dns_answers;
extractor extract_dns_response;
extractor extract_dns_server;

/* field_container.c */
extractor extract_container_id;
extractor extract_container_text;
extractor extract_container_probe;
extractor extract_proc_is_probe;
extractor extract_container_flag;
extractor extract_container_mounts;
extractor extract_container_mount;
extractor extract_container_start;
extractor extract_container_label;
extractor extract_k8s_label;
extractor extract_k8s_pod;
extractor extract_container_limit;
extractor extract_ecs;

/* field_event.c */
extractor extract_none;
extractor extract_evt_num;
extractor extract_evt_cpu;
extractor extract_evt_dir;
extractor extract_evt_type;
extractor extract_syscall_type;
extractor extract_evt_type_is;
extractor extract_evt_category;
extractor extract_evt_flag;
extractor extract_evt_io_dir;
extractor extract_evt_is_syslog;
extractor extract_evt_rawres;
extractor extract_evt_res;
extractor extract_evt_failed;
extractor extract_evt_count;
extractor extract_evt_buflen;
extractor extract_evt_is_open;
extractor extract_evt_source;
extractor extract_evt_hostname;
extractor extract_evt_is_async;
extractor extract_evt_asynctype;
extractor extract_evt_via;
extractor extract_evt_outcome;
extractor extract_evt_quality;

/* field_fd.c */
extractor extract_fd_num;
extractor extract_fd_uid;
extractor extract_fd_type;
extractor extract_fd_typechar;
extractor extract_fd_types;
extractor extract_fd_name;
extractor extract_fd_directory;
extractor extract_fd_filename;
extractor extract_fd_nameraw;
extractor extract_fd_dev;
extractor extract_fd_ino;
extractor extract_fd_flag;
extractor extract_proc_std;

/* field_net.c */
extractor extract_fd_side_ip;
extractor extract_fd_side_port;
extractor extract_fd_side_proto;
extractor extract_fd_side_name;
extractor extract_fd_ips;
extractor extract_fd_ports;
extractor extract_fd_l4proto;
extractor extract_fd_sockfamily;
extractor extract_fd_is_server;
extractor extract_fdlist;

/* field_path.c */
extractor extract_fs_path;
extractor extract_evt_abspath;

/* field_thread.c */
extractor extract_proc_text;
extractor extract_proc_args;
extractor extract_proc_exeline;
extractor extract_proc_args_size;
extractor extract_proc_env;
extractor extract_proc_cwd;
extractor extract_thread_tid;
extractor extract_thread_id;
extractor extract_thread_flag;
extractor extract_proc_exe_ino;
extractor extract_thread_caps;
extractor extract_thread_usage;
extractor extract_proc_fdlimit;
extractor extract_thread_nametid;
extractor extract_thread_exectime;
extractor extract_thread_cpu;
extractor extract_thread_cgroup;
extractor extract_proc_sha256;

/* field_time.c */
extractor extract_evt_clock;
extractor extract_evt_iso8601;
extractor extract_evt_rawtime;
extractor extract_evt_reltime;
extractor extract_evt_deltatime;
extractor extract_evt_latency;
extractor extract_evt_wait_latency;
extractor extract_evt_latency_quantized;
extractor extract_evt_latency_human;
extractor extract_evt_around;

/* field_user.c */
extractor extract_user;
extractor extract_user_login;
extractor extract_group;

/* What parameters' numbers stand for, from the view's state. Borrows the view. */
struct param_names param_names_of(struct view *view);

/* The text of an image that a field of a task, its parent, ancestor or leader means. */
extern const uint8_t image_text_at[FIELD_COUNT];

static inline struct str image_text(enum field_id id, const struct image *image)
{
    return *(const struct str *)((const char *)image + image_text_at[id]);
}

/* "A=1 B=2", in scratch. */
struct str env_text(struct view *view, const struct image *image);
/* The variable's value without blanks around it; empty when it has none. */
struct str env_value(const struct image *image, struct str name);

/* What a call that created no descriptor was about: fd.name (or, raw, the caller's string). */
bool name_from_call(struct view *view, bool raw, struct str *ret);
/* The path with runs of slashes made one; in scratch unless it has none. */
struct str single_slashes(struct view *view, struct str path);
/* event_resolve() into storage of the caller's. */
struct str event_resolve_in(const struct view *view, int64_t dirfd, struct str path, char *storage,
                            size_t size);

/* Shell glob whose * crosses '/'. */
bool field_glob(struct str pattern, struct str text);
