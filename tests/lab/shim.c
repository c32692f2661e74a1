/* Kills the process at a chosen write. Loaded by LD_PRELOAD around an unchanged product.
 *
 * Each write, pwrite, fsync, fdatasync or ftruncate on a regular file is a point. `shim_arm(n, mode)` kills at the
 * n-th from then on: before it (0), half way through it (1), or right after it (2). With 4 added to the mode, only syncs and the
 * first write after each count: the edges of commits. Files named world.log, which stand for the world outside, do
 * not count. Not here: anything but Linux.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static long seen, armed;
static int how, edges, fresh = 1;

void shim_arm(long n, int mode) { seen = 0; armed = n; how = mode & 3; edges = mode & 4; }
long shim_seen(void) { return seen; }

static void die(void) { kill(getpid(), SIGKILL); for (;;) pause(); }

static int counts(int fd) {
    struct stat st;
    char link[64], path[4096];
    ssize_t n;
    if (fd <= 2 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof path - 1);
    if (n <= 0) return 0;
    path[n] = 0;
    return strstr(path, "world.log") == NULL && strstr(path, "/home") != NULL;
}

/* 1: do half of it and die; 2: do it and die. */
static int point(int fd, int sync) {
    if (!armed || !counts(fd)) return 0;
    if (edges) {
        int first = fresh;
        fresh = sync;
        if (!sync && !first) return 0;
    }
    if (__sync_add_and_fetch(&seen, 1) != armed) return 0;
    if (how == 0) die();
    return how;
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *buf, size_t n) {
    REAL(write);
    int at = point(fd, 0);
    ssize_t r = real(fd, buf, at == 1 ? n / 2 : n);
    if (at) die();
    return r;
}
ssize_t pwrite(int fd, const void *buf, size_t n, off_t off) {
    REAL(pwrite);
    int at = point(fd, 0);
    ssize_t r = real(fd, buf, at == 1 ? n / 2 : n, off);
    if (at) die();
    return r;
}
ssize_t pwrite64(int fd, const void *buf, size_t n, off64_t off) {
    REAL(pwrite64);
    int at = point(fd, 0);
    ssize_t r = real(fd, buf, at == 1 ? n / 2 : n, off);
    if (at) die();
    return r;
}
int fsync(int fd) {
    REAL(fsync);
    int at = point(fd, 1);
    int r = real(fd);
    if (at) die();
    return r;
}
int fdatasync(int fd) {
    REAL(fdatasync);
    int at = point(fd, 1);
    int r = real(fd);
    if (at) die();
    return r;
}
int ftruncate(int fd, off_t len) {
    REAL(ftruncate);
    int at = point(fd, 0);
    int r = real(fd, len);
    if (at) die();
    return r;
}
int ftruncate64(int fd, off64_t len) {
    REAL(ftruncate64);
    int at = point(fd, 0);
    int r = real(fd, len);
    if (at) die();
    return r;
}
