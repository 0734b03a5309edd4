#pragma once
// Linux system calls in a form that Swift can call: no variadic functions, no macros with casts, no
// errno. Unless a comment says otherwise every function returns a number >= 0, or -errno; none
// allocates, none blocks longer than its arguments say, and every descriptor is close-on-exec.
#include <stddef.h>
#include <stdint.h>

// MARK: Errors

// The numbers of errno that callers distinguish (they differ between architectures).
int32_t clinux_error_not_found(void);       // ENOENT
int32_t clinux_error_not_permitted(void);   // EACCES; EPERM is reported as EACCES by clinux_open
int32_t clinux_error_exists(void);          // EEXIST
int32_t clinux_error_not_supported(void);   // EOPNOTSUPP
int32_t clinux_error_no_space(void);        // ENOSPC and EDQUOT
int32_t clinux_error_read_only(void);       // EROFS
int32_t clinux_error_again(void);           // EAGAIN
int32_t clinux_error_interrupted(void);     // EINTR
int32_t clinux_error_busy(void);            // EBUSY
int32_t clinux_error_io(void);              // EIO
int32_t clinux_error_not_a_terminal(void);  // ENOTTY
int32_t clinux_error_invalid(void);         // EINVAL
int32_t clinux_error_is_directory(void);    // EISDIR
int32_t clinux_error_not_a_directory(void); // ENOTDIR
int32_t clinux_error_refused(void);         // ECONNREFUSED
int32_t clinux_error_in_use(void);          // EADDRINUSE
int32_t clinux_error_no_device(void);       // ENODEV and ENXIO
int32_t clinux_error_pipe(void);            // EPIPE
/// Writes the English text of an errno (thread-safe, always terminated) and returns its length.
int32_t clinux_error_text(int32_t error, char *text, size_t capacity);

// MARK: Files

#define CLINUX_OPEN_READ 0x01
#define CLINUX_OPEN_WRITE 0x02
#define CLINUX_OPEN_CREATE 0x04
#define CLINUX_OPEN_EXCLUSIVE 0x08
#define CLINUX_OPEN_TRUNCATE 0x10
#define CLINUX_OPEN_APPEND 0x20
#define CLINUX_OPEN_DIRECT 0x40
#define CLINUX_OPEN_DSYNC 0x80
#define CLINUX_OPEN_DIRECTORY 0x100
#define CLINUX_OPEN_NONBLOCK 0x200
#define CLINUX_OPEN_NOFOLLOW 0x400
/// open(2) with the flags above; O_CLOEXEC and O_NOCTTY always. Returns the descriptor.
int32_t clinux_open(const char *path, int32_t flags, uint32_t mode);
int32_t clinux_close(int32_t fd);
/// read(2), write(2), pread(2), pwrite(2): the count, repeated when a signal interrupts.
intptr_t clinux_read(int32_t fd, void *bytes, size_t count);
intptr_t clinux_write(int32_t fd, const void *bytes, size_t count);
intptr_t clinux_pread(int32_t fd, void *bytes, size_t count, int64_t offset);
intptr_t clinux_pwrite(int32_t fd, const void *bytes, size_t count, int64_t offset);
int32_t clinux_fsync(int32_t fd);
int32_t clinux_fdatasync(int32_t fd);
int32_t clinux_truncate(int32_t fd, int64_t byte_count);
/// posix_fallocate(3): the blocks exist afterwards and read as zeros.
int32_t clinux_allocate(int32_t fd, int64_t byte_count);
/// Drops the clean pages of a file from the cache (POSIX_FADV_DONTNEED).
int32_t clinux_drop_cache(int32_t fd);
int32_t clinux_rename(const char *from, const char *to);
/// Bytes that the file system of `path` has free for ordinary users, or a negative error number.
int64_t clinux_free_byte_count(const char *path);
int32_t clinux_unlink(const char *path);
int32_t clinux_rmdir(const char *path);
int32_t clinux_mkdir(const char *path, uint32_t mode);
int32_t clinux_symlink(const char *target, const char *path);
int32_t clinux_chmod(const char *path, uint32_t mode);
/// readlink(2), terminated; the length.
intptr_t clinux_readlink(const char *path, char *target, size_t capacity);
/// realpath(3) into a buffer of at least 4,096 bytes; the length.
intptr_t clinux_realpath(const char *path, char *resolved, size_t capacity);
/// fsync of the directory at `path`.
int32_t clinux_sync_directory(const char *path);

#define CLINUX_KIND_FILE 1
#define CLINUX_KIND_DIRECTORY 2
#define CLINUX_KIND_LINK 3
#define CLINUX_KIND_CHARACTER_DEVICE 4
#define CLINUX_KIND_SOCKET 5
#define CLINUX_KIND_OTHER 6
/// What stat(2) says, reduced to what is used here.
struct clinux_status {
  int32_t kind;               // CLINUX_KIND_…
  uint32_t mode;              // permission bits, 07777
  uint32_t owner;             // user id
  uint32_t device_major;      // of a device file
  uint32_t device_minor;
  int64_t byte_count;
  int64_t modified_us;        // µs since 1970
};
int32_t clinux_status(const char *path, int32_t follow_links, struct clinux_status *status);
int32_t clinux_status_of(int32_t fd, struct clinux_status *status);
/// Calls `each` with the name of every entry but "." and ".."; a result other than 0 ends the walk.
/// Allocates (opendir).
int32_t clinux_list(const char *path, int32_t (*each)(const char *name, void *context),
                    void *context);
/// An advisory lock on the open file (flock), not waited for: -EWOULDBLOCK when another holds it.
int32_t clinux_lock(int32_t fd);
/// Lets go at once, also while a child between fork and exec still holds a copy of the descriptor.
void clinux_unlock(int32_t fd);

// MARK: Time

/// CLOCK_BOOTTIME in µs.
uint64_t clinux_boot_us(void);
/// CPU time of the calling thread in µs (CLOCK_THREAD_CPUTIME_ID).
uint64_t clinux_thread_cpu_us(void);
/// CLOCK_REALTIME in µs since 1970.
uint64_t clinux_utc_us(void);
/// Both, read within a few µs of each other (again if the thread was interrupted between them).
void clinux_clocks(uint64_t *boot_us, uint64_t *utc_us);
/// What adjtimex(2) says about the wall clock.
struct clinux_clock_state {
  int32_t synchronised;       // neither STA_UNSYNC nor TIME_ERROR
  int32_t leap_pending;       // a leap second will be inserted or deleted at the end of the day
  int64_t max_error_us;
  int64_t estimated_error_us;
};
int32_t clinux_clock_state(struct clinux_clock_state *state);

// MARK: Waiting and waking

#define CLINUX_POLL_IN 0x01
#define CLINUX_POLL_OUT 0x04
#define CLINUX_POLL_LOST 0x38        // POLLERR, POLLHUP, POLLNVAL
/// The same bytes as struct pollfd.
struct clinux_pollfd { int32_t fd; int16_t events; int16_t revents; };
/// ppoll(2); a negative timeout waits for ever; 0 also when a signal interrupts.
int32_t clinux_poll(struct clinux_pollfd *list, uint32_t count, int64_t timeout_us);
/// A non-blocking eventfd.
int32_t clinux_event_open(void);
void clinux_event_set(int32_t fd);
void clinux_event_clear(int32_t fd);
void clinux_sleep_us(uint64_t us);

// MARK: Signals

#define CLINUX_SIGNAL_TERMINATE 0x01
#define CLINUX_SIGNAL_INTERRUPT 0x02
#define CLINUX_SIGNAL_HANGUP 0x04
#define CLINUX_SIGNAL_CHILD 0x08
#define CLINUX_SIGNAL_WINDOW 0x10
/// From now on the signals in `set` are only remembered, and each sets the eventfd `event_fd`;
/// SIGPIPE is ignored. One per process: a second call replaces the first.
int32_t clinux_signals_watch(uint32_t set, int32_t event_fd);
/// What came since the last call, and forgets it.
uint32_t clinux_signals_take(void);
/// Ignores SIGPIPE, so that writing to a closed pipe or socket gives -EPIPE.
void clinux_ignore_sigpipe(void);
#define CLINUX_KILL 9
#define CLINUX_TERM 15
#define CLINUX_INT 2
#define CLINUX_HUP 1
/// kill(2); a negative `pid` names a process group.
int32_t clinux_kill(int32_t pid, int32_t signal_number);
/// The caller gets SIGKILL or SIGTERM when the thread that started it ends (PR_SET_PDEATHSIG);
/// -ESRCH if that parent, `parent_pid`, is gone already.
int32_t clinux_die_with_parent(int32_t signal_number, int32_t parent_pid);

// MARK: Processes

#define CLINUX_SPAWN_OWN_GROUP 0x01        // the child leads a process group of its own
#define CLINUX_SPAWN_DIES_WITH_PARENT 0x02 // SIGKILL when the thread that spawned it ends
/// Starts a program. `executable` is a path (no search). `environment` of null passes on ours. Each
/// descriptor becomes the child's 0, 1, 2; -1 stands for /dev/null on 0, for ours on 1 and 2.
/// `group` above 0 is a process group that it joins. Signals stand at their defaults in the child. Returns the pid, or -errno of the exec itself.
int32_t clinux_spawn(const char *executable, char *const *arguments, char *const *environment,
                     const char *directory, int32_t in, int32_t out, int32_t err, int32_t flags,
                     int32_t group);
/// 1 and the outcome when the child has ended (and is then reaped), 0 while it runs.
int32_t clinux_wait(int32_t pid, int32_t block, int32_t *exit_code, int32_t *signal_number);
/// A pipe; the reading end is non-blocking.
int32_t clinux_pipe(int32_t *reading, int32_t *writing);
/// Keeps the heap from growing with what was once needed: buffers of 64 KiB and more are mappings of
/// their own, given back when freed, and two arenas serve all threads. Call it before any thread starts.
void clinux_bound_heap(void);
/// Becomes another program; returns only when it cannot.
int32_t clinux_exec(const char *executable, char *const *arguments);
int32_t clinux_pid(void);
int32_t clinux_parent_pid(void);
uint32_t clinux_user_id(void);
/// 1 if a process of that number exists.
int32_t clinux_process_exists(int32_t pid);
/// getenv(3); null when unset. The memory belongs to the process.
const char *clinux_environment(const char *name);
/// setenv(3), replacing; only while the process has one thread.
int32_t clinux_set_environment(const char *name, const char *value);
/// Writes the current environment block's entry `index` ("NAME=value"), null past the end.
const char *clinux_environment_entry(size_t index);

// MARK: Threads

/// Starts a detached-or-joined thread (pthread). `stack_byte_count` of 0 takes the default.
int32_t clinux_thread_start(size_t stack_byte_count, const char *name, void *(*body)(void *),
                            void *context, uint64_t *thread);
int32_t clinux_thread_join(uint64_t thread);
int32_t clinux_thread_detach(uint64_t thread);

// MARK: Serial lines and terminals

/// A line's settings in numbers: parity 0 none, 1 even, 2 odd.
struct clinux_line { uint32_t baud_rate; uint8_t data_bits, parity, stop_bits; };
/// Sets raw mode and the line (TCSETS2 with BOTHER, so any rate), reads it back into `line`: a driver
/// may drop what it cannot do without an error (pseudo-terminals have no parity).
int32_t clinux_line_set(int32_t fd, struct clinux_line *line);
int32_t clinux_line_get(int32_t fd, struct clinux_line *line);
/// Refuses further opens but root's (TIOCEXCL), until the last descriptor closes.
int32_t clinux_line_exclusive(int32_t fd);
/// The kernel drives RTS as the RS-485 driver enable, high while sending.
int32_t clinux_line_rs485(int32_t fd);
/// Drops what was received and not read, and what was written and not sent.
int32_t clinux_line_flush(int32_t fd);
/// Errors that the driver counted since boot (TIOCGICOUNT); -ENOTTY on a pseudo-terminal.
struct clinux_line_errors { uint32_t parity, framing, overrun, breaks, buffer_overrun; };
int32_t clinux_line_errors(int32_t fd, struct clinux_line_errors *errors);
/// Opens a pair in raw mode: the controlling end (non-blocking) and the line end, whose path is
/// written to `path` (at least 64 bytes).
int32_t clinux_pseudo_terminal(int32_t *controller, int32_t *line, char *path, size_t capacity);
/// 1 if the descriptor is a terminal.
int32_t clinux_is_terminal(int32_t fd);
int32_t clinux_terminal_size(int32_t fd, int32_t *columns, int32_t *rows);

// MARK: Sockets

/// Listens on a Unix socket made anew with `mode` (an old file of that name is removed first).
/// Paths longer than sun_path are reached through /proc/self/fd. Non-blocking.
int32_t clinux_unix_listen(const char *path, uint32_t mode, int32_t backlog);
/// Accepts a connection, non-blocking; -EAGAIN when there is none.
int32_t clinux_accept(int32_t fd);
/// Connects to a Unix socket; the descriptor is non-blocking afterwards.
int32_t clinux_unix_connect(const char *path);
/// send(2) without SIGPIPE.
intptr_t clinux_send(int32_t fd, const void *bytes, size_t count);
/// Listens on 127.0.0.1; port 0 takes a free one. `bound` gets the port.
int32_t clinux_loopback_listen(uint16_t port, int32_t backlog, uint16_t *bound);
/// Connects to 127.0.0.1 (blocking, immediate on loopback); non-blocking afterwards.
int32_t clinux_loopback_connect(uint16_t port);
