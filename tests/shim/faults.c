/*
 * A disk that fails when it is told to, and that remembers what it was asked.
 *
 * Loaded with LD_PRELOAD before a program. Whatever the program does to files below TIDEGATE_FAULTS_FOLDER
 * goes through here, one call at a time:
 *
 * TIDEGATE_FAULTS_CONTROL  A file that says what fails while it exists: "KINDS ERROR SKIP COUNT SERIAL".
 *                          KINDS is a comma list of write, sync, range, name (files made,
 *                          renamed, deleted) and open (of a file that is there, for writing); ERROR is EIO, ENOSPC, EROFS, or
 *                          KILL, which ends the process just before the call. Of the calls of these kinds
 *                          the first SKIP succeed and the COUNT after them fail, counted in each process
 *                          anew for every new text of the file.
 * TIDEGATE_FAULTS_RECORD   A file, outside the folder, to which every call that changed something and every
 *                          sync that succeeded is appended in order. A record is: what (1 byte), lengths
 *                          of path, second path and data (3 u32), offset (u64), path, second path, data.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

enum what { CREATE = 1, WRITE, TRUNCATE, SYNC, RENAME, UNLINK, MAKE_FOLDER };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *folder;
static size_t folder_length;
static const char *control;
static int record = -1;
static char seen[256];
static long calls;

static int raw_open(int at, const char *path, int flags, mode_t mode) {
    return (int)syscall(SYS_openat, at, path, flags, mode);
}

static ssize_t raw_write(int fd, const void *data, size_t length) {
    return (ssize_t)syscall(SYS_write, fd, data, length);
}

static void begin(void) {
    folder = getenv("TIDEGATE_FAULTS_FOLDER");
    folder_length = folder ? strlen(folder) : 0;
    control = getenv("TIDEGATE_FAULTS_CONTROL");
    const char *path = getenv("TIDEGATE_FAULTS_RECORD");
    if (path) {
        record = raw_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (record < 0) abort();
    }
}

static void enter(void) {
    pthread_once(&once, begin);
    pthread_mutex_lock(&lock);
}

/* Keeps what the call set. */
static void leave(void) {
    int kept = errno;
    pthread_mutex_unlock(&lock);
    errno = kept;
}

/* The path below the folder, "." for the folder itself, or NULL. */
static const char *below(const char *path) {
    pthread_once(&once, begin);
    if (!folder || strncmp(path, folder, folder_length) != 0) return NULL;
    if (path[folder_length] == '\0') return ".";
    return path[folder_length] == '/' ? path + folder_length + 1 : NULL;
}

static const char *path_of(int fd, char buffer[PATH_MAX]) {
    int kept = errno;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, buffer, PATH_MAX - 1);
    errno = kept;
    if (length <= 0) return NULL;
    buffer[length] = '\0';
    return below(buffer);
}

/* The error that a call of this kind must end with, 0 for none. */
static int fault(const char *kind) {
    if (!control) return 0;
    char text[sizeof seen] = {0}, kinds[64], name[16];
    int kept = errno, fd = raw_open(AT_FDCWD, control, O_RDONLY | O_CLOEXEC, 0);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    errno = kept;
    if (strcmp(seen, text) != 0) {
        strcpy(seen, text);
        calls = 0;
    }
    long skip, count;
    if (length <= 0 || sscanf(text, "%63s %15s %ld %ld", kinds, name, &skip, &count) != 4) return 0;
    if (!strstr(kinds, kind)) return 0;
    calls++;
    if (calls <= skip || calls > skip + count) return 0;
    if (strcmp(name, "KILL") == 0) {
        kill(getpid(), SIGKILL);
        for (;;) pause();
    }
    return strcmp(name, "ENOSPC") == 0 ? ENOSPC : strcmp(name, "EROFS") == 0 ? EROFS : EIO;
}

static void note(enum what what, const char *path, const char *second, uint64_t offset, const void *data,
                 size_t length) {
    if (record < 0) return;
    int kept = errno;
    uint32_t lengths[3] = {(uint32_t)strlen(path), second ? (uint32_t)strlen(second) : 0, (uint32_t)length};
    size_t total = 1 + sizeof lengths + sizeof offset + lengths[0] + lengths[1] + length;
    char *bytes = malloc(total), *at = bytes;
    if (!bytes) abort();
    *at++ = (char)what;
    memcpy(at, lengths, sizeof lengths), at += sizeof lengths;
    memcpy(at, &offset, sizeof offset), at += sizeof offset;
    memcpy(at, path, lengths[0]), at += lengths[0];
    if (second) memcpy(at, second, lengths[1]), at += lengths[1];
    if (length) memcpy(at, data, length);
    /* A record that is not whole would prove nothing. */
    if (raw_write(record, bytes, total) != (ssize_t)total) abort();
    free(bytes);
    errno = kept;
}

static int fail(int error) {
    errno = error;
    return -1;
}

ssize_t write(int fd, const void *data, size_t length) {
    char buffer[PATH_MAX];
    const char *path = fd == record ? NULL : path_of(fd, buffer);
    if (!path) return raw_write(fd, data, length);
    enter();
    int error = fault("write");
    ssize_t done = error ? fail(error) : raw_write(fd, data, length);
    if (done > 0) {
        off_t end = lseek(fd, 0, SEEK_CUR);
        note(WRITE, path, NULL, (uint64_t)(end - done), data, (size_t)done);
    }
    leave();
    return done;
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
    char buffer[PATH_MAX];
    const char *path = path_of(fd, buffer);
    if (!path) return (ssize_t)syscall(SYS_pwrite64, fd, data, length, offset);
    enter();
    int error = fault("write");
    ssize_t done = error ? fail(error) : (ssize_t)syscall(SYS_pwrite64, fd, data, length, offset);
    if (done > 0) note(WRITE, path, NULL, (uint64_t)offset, data, (size_t)done);
    leave();
    return done;
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
    return pwrite64(fd, data, length, offset);
}

static int synced(int fd, long number) {
    char buffer[PATH_MAX];
    const char *path = path_of(fd, buffer);
    if (!path) return (int)syscall(number, fd);
    enter();
    int error = fault("sync");
    int result = error ? fail(error) : (int)syscall(number, fd);
    if (result == 0) note(SYNC, path, NULL, 0, NULL, 0);
    leave();
    return result;
}

int fsync(int fd) { return synced(fd, SYS_fsync); }

int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

/* Begins to write and promises nothing, so it is not recorded. */
int sync_file_range(int fd, off64_t offset, off64_t length, unsigned int flags) {
    char buffer[PATH_MAX];
    if (path_of(fd, buffer)) {
        enter();
        int error = fault("range");
        leave();
        if (error) return fail(error);
    }
    return (int)syscall(SYS_sync_file_range, fd, offset, length, flags);
}

int ftruncate64(int fd, off64_t length) {
    char buffer[PATH_MAX];
    const char *path = path_of(fd, buffer);
    if (!path) return (int)syscall(SYS_ftruncate, fd, length);
    enter();
    int error = fault("write");
    int result = error ? fail(error) : (int)syscall(SYS_ftruncate, fd, length);
    if (result == 0) note(TRUNCATE, path, NULL, (uint64_t)length, NULL, 0);
    leave();
    return result;
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

int rename(const char *from, const char *to) {
    const char *source = below(from), *target = below(to);
    if (!source || !target) return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    enter();
    int error = fault("name");
    int result = error ? fail(error) : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    if (result == 0) note(RENAME, source, target, 0, NULL, 0);
    leave();
    return result;
}

int unlink(const char *name) {
    const char *path = below(name);
    if (!path) return (int)syscall(SYS_unlinkat, AT_FDCWD, name, 0);
    enter();
    int error = fault("name");
    int result = error ? fail(error) : (int)syscall(SYS_unlinkat, AT_FDCWD, name, 0);
    if (result == 0) note(UNLINK, path, NULL, 0, NULL, 0);
    leave();
    return result;
}

int rmdir(const char *name) {
    const char *path = below(name);
    if (!path) return (int)syscall(SYS_unlinkat, AT_FDCWD, name, AT_REMOVEDIR);
    enter();
    int error = fault("name");
    int result = error ? fail(error) : (int)syscall(SYS_unlinkat, AT_FDCWD, name, AT_REMOVEDIR);
    if (result == 0) note(UNLINK, path, NULL, 0, NULL, 0);
    leave();
    return result;
}

int mkdir(const char *name, mode_t mode) {
    const char *path = below(name);
    if (!path) return (int)syscall(SYS_mkdirat, AT_FDCWD, name, mode);
    enter();
    /* A folder that is there already fails with that, whatever the disk does. */
    int error = access(name, F_OK) == 0 ? 0 : fault("name");
    int result = error ? fail(error) : (int)syscall(SYS_mkdirat, AT_FDCWD, name, mode);
    if (result == 0) note(MAKE_FOLDER, path, NULL, 0, NULL, 0);
    leave();
    return result;
}

/* The path below the folder of a name in an open folder, or NULL. */
static const char *name_in(int at, const char *name, char buffer[PATH_MAX]) {
    if (at == AT_FDCWD || name[0] == '/') return below(name);
    const char *parent = path_of(at, buffer);
    if (!parent) return NULL;
    size_t length = strlen(parent);
    char *end = (char *)parent + length;
    if (length + strlen(name) + 2 > (size_t)(buffer + PATH_MAX - parent)) abort();
    *end++ = '/';
    strcpy(end, name);
    return parent;
}

int unlinkat(int at, const char *name, int flags) {
    char buffer[PATH_MAX];
    const char *path = name_in(at, name, buffer);
    if (!path) return (int)syscall(SYS_unlinkat, at, name, flags);
    enter();
    int error = fault("name");
    int result = error ? fail(error) : (int)syscall(SYS_unlinkat, at, name, flags);
    if (result == 0) note(UNLINK, path, NULL, 0, NULL, 0);
    leave();
    return result;
}

/* Bytes that the kernel copies by itself would not be recorded: the program then reads and writes them. */
ssize_t copy_file_range(int from, off64_t *at, int to, off64_t *to_at, size_t length, unsigned int flags) {
    char buffer[PATH_MAX];
    if (path_of(to, buffer)) return fail(ENOSYS);
    return (ssize_t)syscall(SYS_copy_file_range, from, at, to, to_at, length, flags);
}

ssize_t sendfile64(int to, int from, off64_t *at, size_t length) {
    char buffer[PATH_MAX];
    if (path_of(to, buffer)) return fail(EINVAL);
    return (ssize_t)syscall(SYS_sendfile, to, from, at, length);
}

static int opened(int at, const char *name, int flags, mode_t mode) {
    const char *path = at == AT_FDCWD || name[0] == '/' ? below(name) : NULL;
    if (!path || (flags & O_ACCMODE) == O_RDONLY) return raw_open(at, name, flags, mode);
    enter();
    int kept = errno, is_new = access(name, F_OK) != 0;
    errno = kept;
    int error = fault(is_new ? "name" : "open");
    int fd = error ? fail(error) : raw_open(at, name, flags, mode);
    if (fd >= 0 && is_new) note(CREATE, path, NULL, 0, NULL, 0);
    if (fd >= 0 && !is_new && (flags & O_TRUNC)) note(TRUNCATE, path, NULL, 0, NULL, 0);
    leave();
    return fd;
}

#define MODE(flags)                                                   \
    mode_t mode = 0;                                                  \
    if (((flags) & O_CREAT) || ((flags) & O_TMPFILE) == O_TMPFILE) {  \
        va_list more;                                                 \
        va_start(more, flags);                                        \
        mode = va_arg(more, mode_t);                                  \
        va_end(more);                                                 \
    }

int open(const char *name, int flags, ...) {
    MODE(flags)
    return opened(AT_FDCWD, name, flags, mode);
}

int open64(const char *name, int flags, ...) {
    MODE(flags)
    return opened(AT_FDCWD, name, flags, mode);
}

int openat(int at, const char *name, int flags, ...) {
    MODE(flags)
    return opened(at, name, flags, mode);
}

int openat64(int at, const char *name, int flags, ...) {
    MODE(flags)
    return opened(at, name, flags, mode);
}
