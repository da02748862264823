/*
 * tls_make: a CA and certificates that it signs.
 *
 * All keys are ECDSA on P-256, all signatures SHA-256. The CA may sign servers only, not other CAs; a server's
 * certificate has every name as a subject alternative name. Times begin an hour ago, for clocks that differ.
 * OpenSSL's objects are freed by cleanup; its error queue is emptied into the message.
 */
#include "server/tls_make.h"

#include "base/cleanup.h"
#include "server/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#define HOUR_S 3600
#define DAY_S  86400L

CLEANUP_DEFINE(X509, X509_free);
CLEANUP_DEFINE(EVP_PKEY, EVP_PKEY_free);
CLEANUP_DEFINE(BIO, BIO_free_all);

static int failed(struct err *err, const char *what)
{
    char reason[160] = "unknown";
    ERR_error_string_n(ERR_get_error(), reason, sizeof(reason));
    ERR_clear_error();
    return err_set(err, -EIO, "cannot %s: %s", what, reason);
}

static X509 *read_certificate(struct str pem)
{
    CLEANUP(cleanup_BIO_free_all) BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    ERR_clear_error();
    return certificate;
}

static EVP_PKEY *read_key(struct str pem)
{
    CLEANUP(cleanup_BIO_free_all) BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    ERR_clear_error();
    return key;
}

static bool append(BIO *bio, struct buf *ret)
{
    char *at;
    long n = BIO_get_mem_data(bio, &at);
    buf_put(ret, at, n > 0 ? (size_t)n : 0);
    return n > 0 && !ret->failed;
}

static bool write_pem(X509 *certificate, EVP_PKEY *key, struct buf *ret_certificate,
                      struct buf *ret_key)
{
    CLEANUP(cleanup_BIO_free_all) BIO *one = BIO_new(BIO_s_mem());
    CLEANUP(cleanup_BIO_free_all) BIO *two = BIO_new(BIO_s_secmem());
    return one && two && PEM_write_bio_X509(one, certificate) &&
           PEM_write_bio_PrivateKey(two, key, NULL, NULL, 0, NULL, NULL) &&
           append(one, ret_certificate) && append(two, ret_key);
}

static bool set_serial(X509 *certificate)
{
    unsigned char bytes[16];
    BIGNUM *number =
        RAND_bytes(bytes, sizeof(bytes)) == 1 ? BN_bin2bn(bytes, sizeof(bytes), NULL) : NULL;
    bool ok = number && BN_clear_bit(number, 127) >= 0 &&
              BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
    BN_free(number);
    return ok;
}

static bool set_times(X509 *certificate, int64_t now_ms, long days)
{
    time_t now = (time_t)(now_ms / 1000);
    return ASN1_TIME_adj(X509_getm_notBefore(certificate), now, 0, -HOUR_S) &&
           ASN1_TIME_adj(X509_getm_notAfter(certificate), now, (int)days, 0);
}

static bool set_name(X509 *certificate, const char *name)
{
    X509_NAME *subject = X509_get_subject_name(certificate);
    return X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8, (const unsigned char *)"Hinomi",
                                      -1, -1, 0) &&
           X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1,
                                      -1, 0);
}

static bool extend(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool ok = extension && X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return ok;
}

/* Version, serial, times, key: what both kinds have. */
static X509 *begin(EVP_PKEY *key, int64_t now_ms, long days, const char *name)
{
    CLEANUP(cleanup_X509_free) X509 *certificate = X509_new();
    if (!certificate || !X509_set_version(certificate, X509_VERSION_3) ||
        !set_serial(certificate) || !set_times(certificate, now_ms, days) ||
        !set_name(certificate, name) || !X509_set_pubkey(certificate, key)) {
        return NULL;
    }
    return TAKE(certificate);
}

int tls_make_ca(int64_t now_ms, struct buf *ret_certificate, struct buf *ret_key, struct err *err)
{
    unsigned char random[4];
    char name[32] = "CA";
    if (RAND_bytes(random, sizeof(random)) == 1) {
        snprintf(name, sizeof(name), "CA %02x%02x%02x%02x", random[0], random[1], random[2],
                 random[3]);
    }
    CLEANUP(cleanup_EVP_PKEY_free) EVP_PKEY *key = EVP_EC_gen("P-256");
    CLEANUP(cleanup_X509_free) X509 *ca = key ? begin(key, now_ms, TLS_CA_DAYS, name) : NULL;
    if (!ca || !X509_set_issuer_name(ca, X509_get_subject_name(ca)) ||
        !extend(ca, ca, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
        !extend(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign") ||
        !extend(ca, ca, NID_subject_key_identifier, "hash") || !X509_sign(ca, key, EVP_sha256()) ||
        !write_pem(ca, key, ret_certificate, ret_key)) {
        return failed(err, "make a CA");
    }
    return 0;
}

static GENERAL_NAME *general_name(const char *name)
{
    unsigned char address[16];
    size_t n = inet_pton(AF_INET, name, address) == 1    ? 4
               : inet_pton(AF_INET6, name, address) == 1 ? 16
                                                         : 0;
    GENERAL_NAME *general = GENERAL_NAME_new();
    ASN1_STRING *value = n ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
    if (!general || !value ||
        !ASN1_STRING_set(value, n ? (const void *)address : name, n ? (int)n : -1)) {
        GENERAL_NAME_free(general);
        ASN1_STRING_free(value);
        return NULL;
    }
    GENERAL_NAME_set0_value(general, n ? GEN_IPADD : GEN_DNS, value);
    return general;
}

static bool set_alternatives(X509 *certificate, const struct tls_wish *wish)
{
    GENERAL_NAMES *all = GENERAL_NAMES_new();
    bool ok = all != NULL;
    for (size_t i = 0; i < wish->nnames && ok; i++) {
        GENERAL_NAME *one = general_name(wish->names[i]);
        ok = one && sk_GENERAL_NAME_push(all, one) > 0;
        if (!ok) {
            GENERAL_NAME_free(one);
        }
    }
    ok = ok && X509_add1_ext_i2d(certificate, NID_subject_alt_name, all, 0, 0) == 1;
    GENERAL_NAMES_free(all);
    return ok;
}

int tls_make_server(const struct tls_wish *wish, struct buf *ret_certificate, struct buf *ret_key,
                    struct err *err)
{
    CLEANUP(cleanup_X509_free) X509 *ca = read_certificate(wish->ca);
    CLEANUP(cleanup_EVP_PKEY_free) EVP_PKEY *ca_key = read_key(wish->ca_key);
    if (!ca || !ca_key || X509_check_private_key(ca, ca_key) != 1) {
        ERR_clear_error();
        return err_set(err, -EINVAL, "ca.pem and ca.key are no CA, or do not belong together");
    }
    CLEANUP(cleanup_EVP_PKEY_free) EVP_PKEY *key = EVP_EC_gen("P-256");
    CLEANUP(cleanup_X509_free)
    X509 *certificate = key ? begin(key, wish->now_ms, TLS_SERVER_DAYS, wish->names[0]) : NULL;
    if (!certificate || !X509_set_issuer_name(certificate, X509_get_subject_name(ca)) ||
        !extend(certificate, ca, NID_basic_constraints, "critical,CA:FALSE") ||
        !extend(certificate, ca, NID_key_usage, "critical,digitalSignature") ||
        !extend(certificate, ca, NID_ext_key_usage, "serverAuth") ||
        !extend(certificate, ca, NID_subject_key_identifier, "hash") ||
        !extend(certificate, ca, NID_authority_key_identifier, "keyid:always") ||
        !set_alternatives(certificate, wish) || !X509_sign(certificate, ca_key, EVP_sha256()) ||
        !write_pem(certificate, key, ret_certificate, ret_key)) {
        return failed(err, "make a certificate");
    }
    return 0;
}

static bool has_name(X509 *certificate, const char *name)
{
    unsigned char address[16];
    return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1
               ? X509_check_ip_asc(certificate, name, 0) == 1
               : X509_check_host(certificate, name, 0, 0, NULL) == 1;
}

bool tls_is_good(const struct tls_wish *wish, struct str certificate, struct str key)
{
    CLEANUP(cleanup_X509_free) X509 *ca = read_certificate(wish->ca);
    CLEANUP(cleanup_X509_free) X509 *own = read_certificate(certificate);
    CLEANUP(cleanup_EVP_PKEY_free) EVP_PKEY *own_key = read_key(key);
    time_t soon = (time_t)(wish->now_ms / 1000 + TLS_RENEW_DAYS * DAY_S);
    bool good = ca && own && own_key && X509_check_private_key(own, own_key) == 1 &&
                X509_verify(own, X509_get0_pubkey(ca)) == 1 &&
                X509_cmp_time(X509_get0_notAfter(own), &soon) > 0;
    for (size_t i = 0; i < wish->nnames && good; i++) {
        good = has_name(own, wish->names[i]);
    }
    ERR_clear_error();
    return good;
}

int tls_ends(struct str certificate, int64_t *ret_ms)
{
    CLEANUP(cleanup_X509_free) X509 *own = read_certificate(certificate);
    int days, seconds;
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    bool ok = own && epoch && ASN1_TIME_diff(&days, &seconds, epoch, X509_get0_notAfter(own));
    ASN1_TIME_free(epoch);
    if (!ok) {
        ERR_clear_error();
        return -EINVAL;
    }
    *ret_ms = ((int64_t)days * DAY_S + seconds) * 1000;
    return 0;
}

int tls_fingerprint(struct str certificate, char ret[65])
{
    CLEANUP(cleanup_X509_free) X509 *own = read_certificate(certificate);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (!own || !X509_digest(own, EVP_sha256(), digest, &n) || n != 32) {
        ERR_clear_error();
        return -EINVAL;
    }
    for (unsigned i = 0; i < 32; i++) {
        snprintf(ret + 2 * (size_t)i, 3, "%02x", digest[i]);
    }
    return 0;
}
