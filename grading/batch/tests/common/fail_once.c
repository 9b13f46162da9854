/* Loaded into the grader by `LD_PRELOAD`: makes one call of the C library fail, as it does when a machine has no space,
 * no memory or no descriptors left.
 *
 *   FAIL_COUNTS   a file with a counter of 8 bytes for each function, shared by all processes
 *   FAIL_CALL     the index of the function that fails
 *   FAIL_AT       its call that fails, from 1; 0 for none
 *   FAIL_PROGRAM  how the names of the programs start that are concerned
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FUNCTIONS 32

static uint64_t *counts;
static long failing_call = -1;
static uint64_t failing_at;

/* Runs before the program's own code. Uses system calls directly, which are not counted. */
__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAIL_COUNTS"), *program = getenv("FAIL_PROGRAM");
    if (!path || !program || strncmp(program_invocation_short_name, program, strlen(program)) != 0) return;
    int file = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    if (file < 0) return;
    void *shared = mmap(0, FUNCTIONS * sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    syscall(SYS_close, file);
    if (shared == MAP_FAILED) return;
    const char *call = getenv("FAIL_CALL"), *at = getenv("FAIL_AT");
    failing_call = call ? atol(call) : -1;
    failing_at = at ? strtoull(at, 0, 10) : 0;
    counts = shared;
}

/* Counts a call, and says whether it fails. */
static int fails(long function) {
    if (!counts) return 0;
    uint64_t count = __atomic_add_fetch(&counts[function], 1, __ATOMIC_RELAXED);
    return function == failing_call && count == failing_at;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* A function that fails by returning `failed` with an error number. */
#define FAILING(index, error, failed, type, name, parameters, arguments) \
    type name parameters {                                               \
        static __typeof__(&name) real;                                   \
        if (!real) real = REAL(name);                                    \
        if (fails(index)) { errno = error; return failed; }              \
        return real arguments;                                           \
    }

/* A function that returns its error number. */
#define RETURNING(index, error, name, parameters, arguments)             \
    int name parameters {                                                \
        static __typeof__(&name) real;                                   \
        if (!real) real = REAL(name);                                    \
        return fails(index) ? error : real arguments;                    \
    }

int open64(const char *path, int flags, ...) {
    static __typeof__(&open64) real;
    if (!real) real = REAL(open64);
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    if (fails(flags & O_CREAT ? 1 : 0)) { errno = flags & O_CREAT ? ENOSPC : EMFILE; return -1; }
    return real(path, flags, mode);
}

FAILING(2, EIO, -1, ssize_t, read, (int file, void *into, size_t size), (file, into, size))
FAILING(3, ENOSPC, -1, ssize_t, write, (int file, const void *from, size_t size), (file, from, size))
FAILING(4, EIO, -1, int, rename, (const char *from, const char *to), (from, to))
FAILING(5, ENOSPC, -1, int, mkdir, (const char *path, mode_t mode), (path, mode))
FAILING(6, EIO, -1, int, unlink, (const char *path), (path))
FAILING(7, EIO, -1, int, fsync, (int file), (file))
FAILING(8, EIO, -1, int, ftruncate64, (int file, off64_t size), (file, size))
FAILING(9, EMLINK, -1, int, link, (const char *from, const char *to), (from, to))
FAILING(10, EMFILE, 0, DIR *, opendir, (const char *path), (path))
FAILING(11, EIO, -1, int, chmod, (const char *path, mode_t mode), (path, mode))
FAILING(12, EMFILE, -1, int, pipe2, (int files[2], int flags), (files, flags))
FAILING(13, EMFILE, -1, int, socketpair, (int domain, int type, int protocol, int files[2]), (domain, type, protocol, files))
FAILING(14, EAGAIN, -1, pid_t, fork, (void), ())
RETURNING(15, EAGAIN, posix_spawnp, (pid_t *child, const char *file, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes, char *const arguments[], char *const environment[]), (child, file, actions, attributes, arguments, environment))
RETURNING(16, EAGAIN, pthread_create, (pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument), (thread, attributes, start, argument))
FAILING(17, EIO, -1, int, rmdir, (const char *path), (path))
FAILING(18, EIO, -1, int, unlinkat, (int folder, const char *path, int flags), (folder, path, flags))
FAILING(19, EIO, -1, ssize_t, copy_file_range, (int from, off64_t *from_at, int to, off64_t *to_at, size_t size, unsigned flags), (from, from_at, to, to_at, size, flags))
FAILING(20, EIO, 0, char *, realpath, (const char *path, char *into), (path, into))
FAILING(21, EIO, -1, int, statx, (int folder, const char *path, int flags, unsigned mask, struct statx *into), (folder, path, flags, mask, into))
