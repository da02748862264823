/*
 * aws: calls to AWS: signed by Signature Version 4, sent by the courier.
 *
 * Where a call goes is the configuration's (an endpoint), or the region's own address below amazonaws.com; nothing that
 * an alert says is a part of it but a region that is well-formed. Credentials are the configuration's, the environment's
 * (AWS_ACCESS_KEY_ID, ...), or come from the endpoint that ECS and EKS give to containers; those are fetched anew before
 * they expire.
 *
 *     struct aws_credentials credentials;
 *     struct courier_request request;
 *     aws_credentials_wait(aws, now_s, &credentials, &err);
 *     aws_make(&arena, &call, &credentials, now_s, &request, &err);
 *     courier_exchange(courier, &request, &answer, &err);
 *     aws_judge(aws, &answer, &err);
 *
 * Threads: everything of a struct aws may be called by any.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "courier/courier.h"

#include <stdbool.h>
#include <stdint.h>

#define AWS_SECRET_MAX  256
#define AWS_TOKEN_MAX   8192
#define AWS_ANSWER_MAX  ((size_t)256 << 10)
#define AWS_TIMEOUT_MS  15000
#define AWS_HEADERS_MAX 8

/* ---- signing */

struct aws_credentials {
    char id[AWS_SECRET_MAX], secret[AWS_SECRET_MAX], token[AWS_TOKEN_MAX];
};

/* A header; names in lower case. */
struct aws_header {
    struct str name, value;
};

struct aws_request {
    struct str method, path, query; /* path and query encoded as they are sent, query sorted */
    struct aws_header
        headers[AWS_HEADERS_MAX]; /* all that are signed but x-amz-date and -security-token */
    unsigned nheaders;
    struct str body, region, service; /* any service but s3, which signs paths in another way */
    int64_t time_s;
};

/* "20261122T101500Z" */
#define AWS_DATE 17
void aws_date(int64_t time_s, char ret[AWS_DATE]);
/* The value of Authorization. -ENOMEM: longer than the buffer may be. */
int aws_sign(const struct aws_request *request, const struct aws_credentials *credentials,
             struct buf *ret);

/* ---- credentials */

struct aws;

/* Texts are borrowed for its life; NULL: not set. */
struct aws_options {
    struct courier *courier;
    const char *access_key_id, *secret_access_key;             /* both, or neither */
    const char *region;                                        /* calls go to no other */
    const char *ecs_endpoint, *sns_endpoint, *events_endpoint; /* in the place of a region's */
};

int aws_new(const struct aws_options *options, struct aws **ret, struct err *err);
/* After courier_close(). NULL is allowed. */
void aws_free(struct aws *aws);

/*
 * Those that hold for a minute more at least. 0, or: -EAGAIN: they are being fetched (now); -EIO: they could not be
 * fetched, which is tried again after some seconds; -ENOENT: there are none anywhere; -EINVAL: they are nonsense.
 */
int aws_credentials_now(struct aws *aws, int64_t now_s, struct aws_credentials *ret,
                        struct err *err);
/* Waits for them instead: not for threads that must not. NULL for aws: -ENOENT. */
int aws_credentials_wait(struct aws *aws, int64_t now_s, struct aws_credentials *ret,
                         struct err *err);

/* ---- calls */

struct aws_call {
    const char *host;    /* "sns", "events", "bedrock-runtime", "ecs": HOST.REGION.amazonaws.com */
    const char *service; /* as it is signed */
    struct str region;
    const char *endpoint; /* NULL: the region's */
    struct str path;      /* encoded; empty: "/" */
    const char *type;     /* of the body */
    struct str target;    /* X-Amz-Target; empty: none */
    struct str body;
};

/* A POST. Its texts are in the arena, but the body. -EINVAL: region, endpoint. */
int aws_make(struct arena *arena, const struct aws_call *call,
             const struct aws_credentials *credentials, int64_t time_s, struct courier_request *ret,
             struct err *err);
/*
 * 0: done. -EAGAIN: not now (throttled, overloaded, no answer, credentials that have expired: these are fetched anew).
 * Others: no, and no again. `err` says what AWS said; its code is a part of it. NULL for aws is allowed.
 */
int aws_judge(struct aws *aws, const struct courier_answer *answer, struct err *err);
/* Whether an error of that name passes: "ThrottlingException", "InternalFailure". */
bool aws_error_passes(struct str code);

/* "eu-central-1"; "arn:PARTITION:SERVICE:REGION:ACCOUNT:REST", REST without blanks and quotes. */
bool aws_region_is_good(struct str region);
struct aws_arn {
    struct str partition, service, region, account, rest;
};
bool aws_arn_parse(struct str text, struct aws_arn *ret);
/* "arn:aws:ecs:REGION:ACCOUNT:task/CLUSTER/ID". */
bool aws_task_is_good(struct str arn, struct str *ret_region, struct str *ret_cluster);

/* ---- ECS StopTask; blocking: not for request threads. */

struct aws_stop {
    struct aws *aws;
    struct str task, reason;
    int64_t time_s;
};
/* 0: the task is being stopped. */
int aws_stop_task(const struct aws_stop *stop, struct err *err);

/* ---- SNS Publish and EventBridge PutEvents: as requests for courier_send(); texts are in the arena */

#define AWS_MESSAGE_MAX ((size_t)256 << 10) /* of SNS, and of an entry of EventBridge */
#define AWS_SUBJECT_MAX 99

struct aws_publish {
    struct str topic; /* its ARN; of a FIFO topic, too */
    struct str title; /* what is not ASCII in it becomes "?" */
    struct str text;  /* for people: mail */
    struct str json;  /* for programs: SQS, Lambda, HTTP, Firehose */
    struct str type,
        severity;  /* attributes that subscriptions can filter by; severity is a number */
    struct str id; /* the same for each try */
};

struct aws_event {
    struct str bus;                         /* name or ARN; empty: default */
    struct str region;                      /* of a bus that is named */
    struct str source, detail_type, detail; /* source does not begin with "aws." */
    struct str resource;                    /* an ARN; or empty */
    int64_t time_s;
};

/* -EAGAIN: credentials are being fetched; come again in a second or two. -EINVAL, -EFBIG, ... */
int aws_publish(struct aws *aws, const struct aws_publish *what, int64_t now_s, struct arena *arena,
                struct courier_request *ret, struct err *err);
int aws_put_event(struct aws *aws, const struct aws_event *what, int64_t now_s, struct arena *arena,
                  struct courier_request *ret, struct err *err);
/* As aws_judge(); EventBridge says within a 200 that it did not take an event. */
int aws_judge_event(struct aws *aws, const struct courier_answer *answer, struct err *err);
bool aws_topic_is_good(struct str arn);
/* A name, or an ARN. */
bool aws_bus_is_good(struct str bus);
