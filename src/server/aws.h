/*
 * aws: the one call to AWS that a response needs: StopTask of ECS, signed by Signature Version 4.
 *
 * Where it goes is the configuration's (aws.endpoint), or the region's own address below amazonaws.com; nothing that
 * an alert says is a part of it but a region that is well-formed. Redirects are not followed, link-local addresses are
 * not connected to. Credentials: aws.access_key_id and aws.secret_access_key, the usual environment, or the endpoint that
 * ECS gives to containers, the only use of a link-local address. Blocking: not for request threads.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define AWS_SECRET_MAX  256
#define AWS_TOKEN_MAX   8192
#define AWS_ANSWER_MAX  ((size_t)256 << 10)
#define AWS_TIMEOUT_MS  15000
#define AWS_HEADERS_MAX 8

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
    struct str body, region, service;
    int64_t time_s;
};

/* "20261122T101500Z" */
#define AWS_DATE 17
void aws_date(int64_t time_s, char ret[AWS_DATE]);
/* The value of Authorization. -ENOMEM: longer than the buffer may be. */
int aws_sign(const struct aws_request *request, const struct aws_credentials *credentials,
             struct buf *ret);

/* "eu-central-1"; "arn:aws:ecs:REGION:ACCOUNT:task/CLUSTER/ID". */
bool aws_region_is_good(struct str region);
bool aws_task_is_good(struct str arn, struct str *ret_region, struct str *ret_cluster);

struct server_config;
/* Of the configuration, the environment, or the endpoint that ECS and EKS give. Blocking. */
int aws_credentials_find(const struct server_config *config, const bool *give_up,
                         struct aws_credentials *ret, struct err *err);

struct aws_stop {
    const struct server_config *config;
    struct str task, reason;
    int64_t time_s;
    const bool *give_up; /* looked at while it waits */
};
/* 0: the task is being stopped. */
int aws_stop_task(const struct aws_stop *stop, struct err *err);
