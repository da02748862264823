/*
 * message: what a DNS message says, from untrusted bytes to a struct of fixed layout. Pure: no memory but the
 * caller's, no calls.
 *
 * Names are lower-case text without the dot at the end ("." is the root); a dot or backslash within a label
 * has a backslash before it, bytes that are not printable are \DDD, so that equal names have equal texts.
 */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define DNS_NAME_MAX    1024 /* text of one name */
#define DNS_RECORDS_MAX 32   /* answers that are told; more set `cut` */
#define DNS_TEXTS_MAX   4096 /* of the question and all answers together */
#define DNS_CHAIN_MAX   16   /* aliases followed */

enum dns_type {
    DNS_A = 1,
    DNS_NS = 2,
    DNS_CNAME = 5,
    DNS_PTR = 12,
    DNS_MX = 15,
    DNS_TXT = 16,
    DNS_AAAA = 28,
    DNS_SRV = 33,
    DNS_DNAME = 39,
};

struct dns_record {
    uint16_t type;
    uint8_t family; /* 4, 6: an address; 0: text (possibly none) */
    uint8_t linked; /* of the asked name, or of one that its aliases lead to */
    uint8_t address[16];
    uint32_t ttl;             /* smallest on the way from the asked name */
    uint16_t text_at, text_n; /* in texts */
};

struct dns_message {
    uint16_t id;
    uint16_t type; /* of the question */
    uint16_t class;
    uint16_t rcode; /* with the extended bits */
    uint8_t response;
    uint8_t opcode;
    uint8_t cut;      /* something is missing: the message was cut, lies, or has more than fits */
    uint8_t nrecords; /* of the answer section, of types that have a text or an address */
    uint16_t name_n;  /* the question: the first bytes of texts */
    uint16_t texts_n;
    struct dns_record records[DNS_RECORDS_MAX];
    char texts[DNS_TEXTS_MAX]; /* last: only texts_n of them are passed on */
};

/* 0, or -EBADMSG: not a message with a question that can be read. */
int dns_message_parse(const uint8_t *p, size_t n, struct dns_message *ret);

/*
 * A name at *at of the message, as text; *at is moved behind it. Returns the text's length, at most
 * DNS_NAME_MAX, or -EBADMSG.
 */
int dns_name_read(const uint8_t *p, size_t n, size_t *at, char ret[DNS_NAME_MAX]);

/* Escapes a byte of a name or text: returns how many were written, at most 4. */
unsigned dns_put_byte(uint8_t byte, bool is_label, char ret[4]);

/* "AAAA", "TYPE64"; "NXDOMAIN", "RCODE30". Return the length. */
#define DNS_CODE_TEXT 16
unsigned dns_type_text(uint16_t type, char ret[DNS_CODE_TEXT]);
unsigned dns_rcode_text(uint16_t rcode, char ret[DNS_CODE_TEXT]);
