/* A disk that refuses: counts what a process asks of the files below a folder, and
 * fails one call, or that one and all later ones.
 *
 *   cc -shared -fPIC -O1 -o bad_disk.so bad_disk.c -ldl -lpthread
 *   LD_PRELOAD=./bad_disk.so python ...
 *
 * bad_disk_begin(folder, log) starts; bad_disk_fault(place, call, number, stays) chooses
 * a call. A place is an operation and a path without its digits and hashes; number is
 * one of errno.h, or 0 for a write that writes half of what it is given.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define PLACES 1024
#define LENGTH 512
#define PASS (-1)
#define REAL(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

static char folder[PATH_MAX];
static int log_file = -1;
static char places[PLACES][LENGTH];
static long calls[PLACES];
static char fault_place[LENGTH];
static long fault_call;
static int fault_number, fault_stays, has_struck;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void bad_disk_begin(const char *path, int log) {
    snprintf(folder, sizeof folder, "%s", path);
    log_file = log;
}

void bad_disk_fault(const char *place, long call, int number, int stays) {
    snprintf(fault_place, sizeof fault_place, "%s", place);
    fault_call = call;
    fault_number = number;
    fault_stays = stays;
}

/* Write the operation and the path without digits and hashes. */
static void name_place(char *place, const char *operation, const char *path) {
    int end = snprintf(place, LENGTH, "%s ", operation);
    while (*path && end < LENGTH - 2) {
        size_t word = 0, hex = 0;
        while (isalnum((unsigned char)path[word])) {
            hex += isxdigit((unsigned char)path[word]) && !isupper((unsigned char)path[word]);
            word++;
        }
        if (word >= 6 && hex == word) {
            place[end++] = '#';
            path += word;
        } else if (word) {
            for (; word && end < LENGTH - 2; word--, path++)
                if (!isdigit((unsigned char)*path)) place[end++] = *path;
        } else {
            place[end++] = *path++;
        }
    }
    place[end] = 0;
}

/* Count a call; return PASS, 0 for a short write, or the error that it is to have. */
static int judged(const char *operation, const char *path, int can_be_short) {
    char place[LENGTH], line[LENGTH + 64];
    int saved = errno, verdict = PASS, index = 0;
    size_t length = strlen(folder);
    if (log_file < 0 || strncmp(path, folder, length)) return PASS;
    if (path[length] && path[length] != '/') return PASS;
    name_place(place, operation, path + length);
    pthread_mutex_lock(&lock);
    while (index < PLACES - 1 && places[index][0] && strcmp(places[index], place)) index++;
    strcpy(places[index], place);
    calls[index]++;
    if (fault_call && !strcmp(place, fault_place) && calls[index] == fault_call)
        verdict = fault_number;
    else if (has_struck && fault_stays)
        verdict = fault_number;
    if (verdict == 0 && !can_be_short) verdict = PASS;
    if (verdict != PASS) has_struck = 1;
    int n = snprintf(line, sizeof line, "%s\t%s\n", verdict == PASS ? "-" : "struck", place);
    syscall(SYS_write, log_file, line, n);
    pthread_mutex_unlock(&lock);
    errno = saved;
    return verdict;
}

static const char *path_of(int file, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t n = syscall(SYS_readlink, link, path, PATH_MAX - 1);
    path[n > 0 ? n : 0] = 0;
    return path;
}

static const char *path_at(int at, const char *name, char *path) {
    char parent[PATH_MAX];
    if (name[0] == '/') {
        snprintf(path, PATH_MAX, "%s", name);
        return path;
    }
    if (at == AT_FDCWD) {
        if (!getcwd(parent, sizeof parent)) parent[0] = 0;
    } else {
        path_of(at, parent);
    }
    if (snprintf(path, PATH_MAX, "%s/%s", parent, name) < 0) path[0] = 0;
    return path;
}

#define REFUSE(verdict)    \
    if ((verdict) > 0) {   \
        errno = (verdict); \
        return -1;         \
    }

ssize_t write(int file, const void *data, size_t size) {
    char path[PATH_MAX];
    int verdict = judged("write", path_of(file, path), size > 1);
    REFUSE(verdict);
    return REAL(write)(file, data, verdict ? size : size / 2);
}

ssize_t pwrite(int file, const void *data, size_t size, off_t offset) {
    char path[PATH_MAX];
    int verdict = judged("write", path_of(file, path), size > 1);
    REFUSE(verdict);
    return REAL(pwrite)(file, data, verdict ? size : size / 2, offset);
}

ssize_t pwrite64(int file, const void *data, size_t size, off64_t offset) {
    char path[PATH_MAX];
    int verdict = judged("write", path_of(file, path), size > 1);
    REFUSE(verdict);
    return REAL(pwrite64)(file, data, verdict ? size : size / 2, offset);
}

ssize_t writev(int file, const struct iovec *parts, int count) {
    char path[PATH_MAX];
    int verdict = judged("write", path_of(file, path), count && parts[0].iov_len > 1);
    REFUSE(verdict);
    if (!verdict) return REAL(write)(file, parts[0].iov_base, parts[0].iov_len / 2);
    return REAL(writev)(file, parts, count);
}

ssize_t pwritev(int file, const struct iovec *parts, int count, off_t offset) {
    char path[PATH_MAX];
    int verdict = judged("write", path_of(file, path), 0);
    REFUSE(verdict);
    return REAL(pwritev)(file, parts, count, offset);
}

int fsync(int file) {
    char path[PATH_MAX];
    int verdict = judged("fsync", path_of(file, path), 0);
    REFUSE(verdict);
    return REAL(fsync)(file);
}

int fdatasync(int file) {
    char path[PATH_MAX];
    int verdict = judged("fsync", path_of(file, path), 0);
    REFUSE(verdict);
    return REAL(fdatasync)(file);
}

int ftruncate(int file, off_t size) {
    char path[PATH_MAX];
    int verdict = judged("truncate", path_of(file, path), 0);
    REFUSE(verdict);
    return REAL(ftruncate)(file, size);
}

int rename(const char *from, const char *to) {
    char path[PATH_MAX];
    int verdict = judged("rename", path_at(AT_FDCWD, to, path), 0);
    REFUSE(verdict);
    return REAL(rename)(from, to);
}

int renameat(int from_at, const char *from, int to_at, const char *to) {
    char path[PATH_MAX];
    int verdict = judged("rename", path_at(to_at, to, path), 0);
    REFUSE(verdict);
    return REAL(renameat)(from_at, from, to_at, to);
}

int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
    char path[PATH_MAX];
    int verdict = judged("rename", path_at(to_at, to, path), 0);
    REFUSE(verdict);
    return REAL(renameat2)(from_at, from, to_at, to, flags);
}

int mkdir(const char *name, mode_t mode) {
    char path[PATH_MAX];
    int verdict = judged("create", path_at(AT_FDCWD, name, path), 0);
    REFUSE(verdict);
    return REAL(mkdir)(name, mode);
}

#define OPEN(name, signature, at, arguments)                                  \
    int name signature {                                                      \
        char path[PATH_MAX];                                                  \
        mode_t mode = 0;                                                      \
        if (flags & O_CREAT) {                                                \
            va_list more;                                                     \
            va_start(more, flags);                                            \
            mode = va_arg(more, mode_t);                                      \
            va_end(more);                                                     \
            int verdict = judged("create", path_at(at, file, path), 0);       \
            REFUSE(verdict);                                                  \
        }                                                                     \
        return REAL(name) arguments;                                          \
    }
OPEN(open, (const char *file, int flags, ...), AT_FDCWD, (file, flags, mode))
OPEN(open64, (const char *file, int flags, ...), AT_FDCWD, (file, flags, mode))
OPEN(openat, (int at, const char *file, int flags, ...), at, (at, file, flags, mode))
OPEN(openat64, (int at, const char *file, int flags, ...), at, (at, file, flags, mode))
