/*
 * body: zstd at its quickest level, with a sample text as dictionary: alerts repeat each other's keys, and one
 * alone is too short to learn them. The second way has statistics of such texts before the same sample (a dictionary
 * of zstd's own form), so that a frame need not carry its own: quicker by two fifths, shorter by a tenth.
 *
 * Frames carry their size and no checksum (the database has its own way of failing). What does not shrink is
 * kept as it is.
 */
#include "store/body.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdint.h>
#include <zstd.h>

#define LEVEL 1

enum how { HOW_PLAIN, HOW_SAMPLE_1, HOW_SAMPLE_2, HOWS };

/* Never to be changed: what is stored cannot be read with another. */
/* clang-format off */
static const unsigned char statistics_2[143] = { /* by ZDICT_finalizeDictionary() for sample_1, id 40001 */
    0x37, 0xa4, 0x30, 0xec, 0x41, 0x9c, 0x00, 0x00, 0x32, 0x10, 0xc8, 0x92,
    0xa4, 0x0d, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x97, 0xe8, 0x8f, 0x6f,
    0x91, 0xb5, 0x8d, 0x10, 0x20, 0x9b, 0xb4, 0xcf, 0x49, 0x33, 0x5a, 0xd9,
    0x13, 0x9a, 0x6d, 0x38, 0xf2, 0xbe, 0x94, 0xb5, 0x56, 0x86, 0x44, 0x76,
    0x77, 0xf7, 0xa6, 0xa5, 0x6d, 0x50, 0xc3, 0x54, 0x77, 0x83, 0x10, 0x13,
    0x01, 0x00, 0x08, 0x14, 0x8b, 0xc4, 0x03, 0xd2, 0x39, 0xd5, 0x0d, 0x00,
    0x04, 0x40, 0x80, 0x13, 0x9c, 0x1e, 0x12, 0x16, 0x89, 0x4a, 0x08, 0xc2,
    0xa8, 0x18, 0x8a, 0xc4, 0x60, 0x0e, 0xc1, 0x28, 0x12, 0x62, 0x00, 0x00,
    0x42, 0x00, 0x00, 0xcc, 0x30, 0xc6, 0x8c, 0x72, 0x06, 0x10, 0x00, 0x00,
    0x00, 0x74, 0xd5, 0x83, 0x91, 0x54, 0x06, 0x31, 0x1c, 0xc3, 0x30, 0x0c,
    0x00, 0x01, 0xeb, 0x0c, 0x50, 0xc8, 0xc0, 0x04, 0x00, 0x00, 0x00, 0x01,
    0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00,
};
/* clang-format on */
static const char sample_1[] =
    "{\"time_ms\":17,\"kind\":\"exec\",\"fields\":{\"evt.type\":\"execve\",\"proc.name\":\"sh\","
    "\"proc.exepath\":"
    "\"/bin/sh\",\"proc.exe\":\"sh\",\"proc.cmdline\":\"sh -c \",\"proc.args\":\"-c "
    "\",\"proc.pid\":1,"
    "\"proc.ppid\":1,\"proc.pname\":\"\",\"proc.pexepath\":\"/usr/bin/"
    "\",\"proc.pcmdline\":\"\",\"proc.aname[2]\":"
    "\"\",\"proc.aname[3]\":\"\",\"proc.aname[4]\":\"\",\"proc.tty\":0,\"proc.cwd\":\"/\","
    "\"proc.is_exe_upper_layer\":false,\"proc.is_exe_from_memfd\":false,\"user.uid\":0,\"user."
    "name\":\"root\","
    "\"fd.name\":\"/tmp/\",\"fd.directory\":\"/usr/local/"
    "bin\",\"fd.filename\":\"\",\"fd.sip\":\"10.0.0.1\","
    "\"fd.sport\":443,\"fd.rip\":\"\",\"fd.rport\":53,\"fd.l4proto\":\"tcp\",\"fd.typechar\":\"4\","
    "\"dns.question.name\":\"\",\"container.image.tag\":\"latest\",\"ecs.task.arn\":\"\"}}"
    "{\"hostname\":\"ip-10-0-0-1.ap-northeast-1.compute.internal\",\"output\":\"12:00:00.000000000:"
    " Critical "
    "(user=root user_loginuid=-1 process=sh command=sh -c  parent=python3 file=/ container_id=  "
    "container_name= "
    "image=docker.io/library/)\",\"output_fields\":{\"container.id\":\"\",\"container.name\":\"\","
    "\"container.image.repository\":\"docker.io/library/"
    "\",\"evt.arg.flags\":\"O_LARGEFILE|O_TRUNC|O_CREAT|"
    "O_WRONLY|FD_UPPER_LAYER\",\"evt.time\":17,\"evt.type\":\"openat\",\"fd.name\":\"/"
    "\",\"proc.aname[2]\":\"\","
    "\"proc.cmdline\":\"\",\"proc.exepath\":\"/usr/bin/"
    "\",\"proc.name\":\"\",\"proc.pname\":\"\",\"proc.tty\":0,"
    "\"user.loginuid\":-1,\"user.name\":\"root\"},\"priority\":\"Critical\",\"rule\":\"Malicious "
    "filenames written\","
    "\"source\":\"syscall\",\"tags\":[\"container\",\"process\",\"network\",\"filesystem\","
    "\"malware\",\"execution\","
    "\"persistence\",\"T1105\",\"T1059\",\"T1496\",\"mitre_execution\"],\"time\":\"2026-11-22T12:"
    "00:00.000000000Z\","
    "\"uuid\":\"00000000-0000-8000-8000-000000000000\",\"hinomi\":{\"v\":1,\"id\":"
    "\"a0000000000000000:"
    "00000000000000000000000000000000:1\",\"policy\":\"Runtime Threat "
    "Intelligence\",\"severity\":9.0,\"type\":"
    "\"Impact:Runtime/CryptoMinerExecuted\",\"outcome\":\"succeeded\",\"lineage\":[{\"uuid\":"
    "\"00000000-0000-8000-8000-000000000000\",\"pid\":1,\"ns_pid\":1,\"name\":\"sh\",\"exe\":\"/"
    "bin/sh\",\"args\":\"-c "
    "\",\"uid\":0,\"start\":\"2026-11-22T12:00:00.000000000Z\"},{\"uuid\":\"00000000-0000-8000-"
    "8000-000000000000\","
    "\"pid\":1,\"ns_pid\":1,\"name\":\"python3\",\"exe\":\"/usr/bin/"
    "python3\",\"args\":null,\"uid\":0,\"start\":null}],"
    "\"container\":{\"id\":\"\",\"full_id\":\"\",\"pending\":false,\"name\":\"\",\"type\":"
    "\"docker\",\"image\":"
    "\"docker.io/library/\",\"image_id\":\"sha256:\",\"repository\":\"docker.io/library/"
    "\",\"tag\":\"latest\",\"digest\":"
    "\"sha256:\",\"user\":null,\"privileged\":false,\"cpu_limit_milli\":null,\"memory_limit_"
    "bytes\":null},\"ecs\":"
    "{\"cluster\":\"default\",\"task_arn\":\"arn:aws:ecs:ap-northeast-1:000000000000:task/default/"
    "\",\"task_id\":\"\","
    "\"family\":\"\",\"revision\":\"1\",\"service\":\"\",\"launch_type\":\"FARGATE\","
    "\"availability_zone\":"
    "\"ap-northeast-1a\",\"account\":\"000000000000\",\"region\":\"ap-northeast-1\"},\"dns\":{"
    "\"question\":\"\",\"type\":"
    "\"A\",\"answers\":[],\"rcode\":\"NOERROR\"},\"evidence\":[{\"list\":\"malicious_filenames\","
    "\"item\":\"\","
    "\"field\":\"fd.name\"}],\"gap\":null}}";

struct body_packer {
    ZSTD_CCtx *packing;
    ZSTD_DCtx *unpacking;
    ZSTD_CDict *sample;
    ZSTD_DDict *back[HOWS];
    char *scratch;
    size_t capacity;
};

CLEANUP_DEFINE(struct body_packer, body_packer_free);

int body_packer_new(struct body_packer **ret)
{
    struct body_packer *packer CLEANUP(cleanup_body_packer_free) = mem_zalloc(sizeof(*packer));
    if (!packer) {
        return -ENOMEM;
    }
    packer->packing = ZSTD_createCCtx();
    packer->unpacking = ZSTD_createDCtx();
    char second[sizeof(statistics_2) + sizeof(sample_1) - 1];
    memcpy(second, statistics_2, sizeof(statistics_2));
    memcpy(second + sizeof(statistics_2), sample_1, sizeof(sample_1) - 1);
    packer->sample = ZSTD_createCDict(second, sizeof(second), LEVEL);
    packer->back[HOW_SAMPLE_1] = ZSTD_createDDict(sample_1, sizeof(sample_1) - 1);
    packer->back[HOW_SAMPLE_2] = ZSTD_createDDict(second, sizeof(second));
    if (!packer->packing || !packer->unpacking || !packer->sample || !packer->back[HOW_SAMPLE_1] ||
        !packer->back[HOW_SAMPLE_2]) {
        return -ENOMEM;
    }
    *ret = TAKE(packer);
    return 0;
}

void body_packer_free(struct body_packer *packer)
{
    if (packer) {
        ZSTD_freeCCtx(packer->packing);
        ZSTD_freeDCtx(packer->unpacking);
        ZSTD_freeCDict(packer->sample);
        ZSTD_freeDDict(packer->back[HOW_SAMPLE_1]);
        ZSTD_freeDDict(packer->back[HOW_SAMPLE_2]);
        free(packer->scratch);
        free(packer);
    }
}

static bool reserve(struct body_packer *packer, size_t n)
{
    if (n <= packer->capacity) {
        return true;
    }
    char *more = mem_realloc(packer->scratch, n);
    if (!more) {
        return false;
    }
    packer->scratch = more;
    packer->capacity = n;
    return true;
}

static struct str put(enum how how, struct str bytes, struct arena *arena)
{
    char *to = arena_bytes(arena, bytes.n + 1);
    if (!to) {
        return (struct str){ 0 };
    }
    to[0] = (char)how;
    if (bytes.n) {
        memcpy(to + 1, bytes.p, bytes.n);
    }
    return str_from(to, bytes.n + 1);
}

struct str body_pack(struct body_packer *packer, struct str text, struct arena *arena)
{
    if (text.n > BODY_MAX || !reserve(packer, text.n)) {
        return (struct str){ 0 };
    }
    size_t n = text.n ? ZSTD_compress_usingCDict(packer->packing, packer->scratch, text.n, text.p,
                                                 text.n, packer->sample)
                      : 0;
    bool shorter = text.n && !ZSTD_isError(n) && n < text.n;
    return shorter ? put(HOW_SAMPLE_2, str_from(packer->scratch, n), arena)
                   : put(HOW_PLAIN, text, arena);
}

struct str body_unpack(struct body_packer *packer, struct str packed, struct arena *arena)
{
    if (packed.n == 0 || (unsigned char)packed.p[0] >= HOWS) {
        return (struct str){ 0 };
    }
    struct str inner = str_from(packed.p + 1, packed.n - 1);
    if (packed.p[0] == HOW_PLAIN) {
        return arena_str(arena, inner);
    }
    unsigned long long size = ZSTD_getFrameContentSize(inner.p, inner.n);
    if (size > BODY_MAX) { /* unknown and wrong sizes are huge numbers */
        return (struct str){ 0 };
    }
    char *to = arena_bytes(arena, (size_t)size + 1);
    if (!to) {
        return (struct str){ 0 };
    }
    size_t n = ZSTD_decompress_usingDDict(packer->unpacking, to, (size_t)size, inner.p, inner.n,
                                          packer->back[(unsigned char)packed.p[0]]);
    if (ZSTD_isError(n) || n != size) {
        return (struct str){ 0 };
    }
    to[n] = '\0';
    return str_from(to, n);
}
