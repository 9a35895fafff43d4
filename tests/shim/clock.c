/*
 * A clock that somebody sets.
 *
 * Loaded with LD_PRELOAD before a program: its CLOCK_REALTIME is ahead by as many seconds as the file TIDEGATE_CLOCK_FILE says, read
 * anew at every look; negative is behind. Without the file it is right.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t which, struct timespec *at) {
    int failed = (int)syscall(SYS_clock_gettime, which, at);
    const char *path = getenv("TIDEGATE_CLOCK_FILE");
    if (failed || which != CLOCK_REALTIME || !path) return failed;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    char text[32] = {0};
    if (read(fd, text, sizeof text - 1) > 0) at->tv_sec += atol(text);
    close(fd);
    return 0;
}
