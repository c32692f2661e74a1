// Ctrl-C at the one moment that is easy to miss: when Python has looked for signals, and before the system call that is
// to wait for a line has begun. For LD_PRELOAD.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <sys/select.h>
#include <unistd.h>

static int pressed = 0;

static void press(void) {
    if (!pressed) {
        pressed = 1;
        raise(SIGINT);
    }
}

ssize_t read(int fd, void *buffer, size_t size) {
    ssize_t (*real)(int, void *, size_t) = dlsym(RTLD_NEXT, "read");
    if (fd == STDIN_FILENO && isatty(fd)) press();
    return real(fd, buffer, size);
}

int select(int count, fd_set *ready, fd_set *writable, fd_set *failed, struct timeval *most) {
    int (*real)(int, fd_set *, fd_set *, fd_set *, struct timeval *) = dlsym(RTLD_NEXT, "select");
    if (ready && FD_ISSET(STDIN_FILENO, ready)) press();
    return real(count, ready, writable, failed, most);
}
