/*
 * replay: runs a fuzz target over the files named on the command line and all files of the folders
 * named there, without libFuzzer, so that every build replays every corpus.
 *
 * The last line is the total that the test runner reads. An input that breaks a promise aborts; its
 * name is the last one on standard error then.
 */
#include "fuzz.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"

#include <errno.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX    ((size_t)64 << 20)
#define OPEN_FOLDERS 16

static unsigned replayed;
static unsigned unreadable;

static int replay_file(const char *path, const struct stat *status, int kind, struct FTW *at)
{
    (void)status;
    (void)at;
    if (kind != FTW_F) {
        unreadable += kind != FTW_D;
        return 0;
    }
    struct err err = { 0 };
    struct buf buf;
    buf_init(&buf, INPUT_MAX);
    if (file_read(path, &buf, &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        unreadable++;
    } else {
        fprintf(stderr, "%s\n", path);
        LLVMFuzzerTestOneInput((const uint8_t *)(buf.p ? buf.p : ""), buf.n);
        replayed++;
    }
    buf_done(&buf);
    return 0;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (nftw(argv[i], replay_file, OPEN_FOLDERS, FTW_PHYS) < 0) {
            fprintf(stderr, "cannot read %s: %s\n", argv[i], strerror(errno));
            unreadable++;
        }
    }
    printf("%u passed, %u failed, 0 skipped\n", replayed, unreadable);
    return unreadable || !replayed;
}
