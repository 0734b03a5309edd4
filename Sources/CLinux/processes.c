#define _GNU_SOURCE
#include <malloc.h>
#include "include/clinux.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

// MARK: Signals

static _Atomic uint32_t pending;
static _Atomic int32_t waking = -1;

static const struct { uint32_t bit; int number; } watched[] = {
  {CLINUX_SIGNAL_TERMINATE, SIGTERM}, {CLINUX_SIGNAL_INTERRUPT, SIGINT},
  {CLINUX_SIGNAL_HANGUP, SIGHUP},     {CLINUX_SIGNAL_CHILD, SIGCHLD},
  {CLINUX_SIGNAL_WINDOW, SIGWINCH},
};
enum { watched_count = sizeof watched / sizeof *watched };

static void remember(int number) {
  int saved = errno;
  for (int i = 0; i < watched_count; i++)
    if (watched[i].number == number) atomic_fetch_or(&pending, watched[i].bit);
  int32_t fd = atomic_load(&waking);
  if (fd >= 0) clinux_event_set(fd);
  errno = saved;
}

int32_t clinux_signals_watch(uint32_t set, int32_t event_fd) {
  atomic_store(&waking, event_fd);
  for (int i = 0; i < watched_count; i++) {
    if (!(set & watched[i].bit)) continue;
    struct sigaction action = {.sa_handler = remember, .sa_flags = SA_RESTART};
    sigfillset(&action.sa_mask);
    if (sigaction(watched[i].number, &action, NULL) < 0) return -errno;
  }
  clinux_ignore_sigpipe();
  return 0;
}

uint32_t clinux_signals_take(void) { return atomic_exchange(&pending, 0); }
void clinux_ignore_sigpipe(void) { signal(SIGPIPE, SIG_IGN); }
int32_t clinux_kill(int32_t pid, int32_t number) { return kill(pid, number) < 0 ? -errno : 0; }

int32_t clinux_die_with_parent(int32_t number, int32_t parent_pid) {
  if (prctl(PR_SET_PDEATHSIG, number, 0, 0, 0) < 0) return -errno;
  // The parent may have died before the call, and then no signal would ever come.
  return getppid() == parent_pid ? 0 : -ESRCH;
}

// MARK: Processes

// Puts `fd` in place `number` for the program that follows; dup2 also clears close-on-exec.
static int place(int32_t fd, int number) {
  if (fd < 0) return 0;
  if (fd == number) return fcntl(fd, F_SETFD, 0);
  return dup2(fd, number) < 0 ? -1 : 0;
}

// The child between fork and exec: async-signal-safe calls only.
static void become(const char *executable, char *const *arguments, char *const *environment,
                   const char *directory, const int32_t *fds, int32_t flags, int32_t group,
                   int32_t parent, const sigset_t *none) {
  if ((flags & CLINUX_SPAWN_OWN_GROUP) && setpgid(0, 0) < 0) return;
  if (group > 0 && setpgid(0, group) < 0) return;
  if ((flags & CLINUX_SPAWN_DIES_WITH_PARENT)) {
    int32_t r = clinux_die_with_parent(SIGKILL, parent);
    if (r < 0) {
      errno = -r;
      return;
    }
  }
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigprocmask(SIG_SETMASK, none, NULL);
  int32_t in = fds[0] < 0 ? open("/dev/null", O_RDONLY | O_CLOEXEC) : fds[0];
  if (in < 0 || place(in, 0) < 0 || place(fds[1], 1) < 0 || place(fds[2], 2) < 0) return;
  if (directory && chdir(directory) < 0) return;
  // Libraries open descriptors without close-on-exec. Kernels before 5.11 cannot, and then they leak.
#ifdef SYS_close_range
  syscall(SYS_close_range, 3u, ~0u, 4u);   // CLOSE_RANGE_CLOEXEC
#endif
  execve(executable, arguments, environment ? environment : environ);
}

int32_t clinux_spawn(const char *executable, char *const *arguments, char *const *environment,
                     const char *directory, int32_t in, int32_t out, int32_t err, int32_t flags,
                     int32_t group) {
  // The child reports why it could not become the program through a pipe that exec closes.
  int report[2];
  if (pipe2(report, O_CLOEXEC) < 0) return -errno;
  const int32_t fds[3] = {in, out, err};
  sigset_t all, old, none;
  sigfillset(&all);
  sigemptyset(&none);
  // No handler of ours may run in the child, where it would set the flags of a copy.
  pthread_sigmask(SIG_SETMASK, &all, &old);
  int32_t parent = getpid();
  pid_t pid = fork();
  if (pid == 0) {
    become(executable, arguments, environment, directory, fds, flags, group, parent, &none);
    int32_t error = errno;
    ssize_t ignored = write(report[1], &error, sizeof error);
    (void)ignored;
    _exit(127);
  }
  int fork_error = errno;
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  close(report[1]);
  if (pid < 0) {
    close(report[0]);
    return -fork_error;
  }
  int32_t error = 0;
  intptr_t n = clinux_read(report[0], &error, sizeof error);
  close(report[0]);
  if (n == sizeof error) {
    waitpid(pid, NULL, 0);
    return -error;
  }
  return pid;
}

int32_t clinux_wait(int32_t pid, int32_t block, int32_t *exit_code, int32_t *signal_number) {
  int status;
  pid_t r;
  do r = waitpid(pid, &status, block ? 0 : WNOHANG);
  while (r < 0 && errno == EINTR);
  if (r < 0) return -errno;
  if (r == 0) return 0;
  *exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  *signal_number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  return 1;
}

int32_t clinux_pipe(int32_t *reading, int32_t *writing) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) < 0) return -errno;
  fcntl(fds[0], F_SETFL, O_NONBLOCK);
  *reading = fds[0];
  *writing = fds[1];
  return 0;
}

int32_t clinux_exec(const char *executable, char *const *arguments) {
  execv(executable, arguments);
  return -errno;
}

int32_t clinux_pid(void) { return getpid(); }
int32_t clinux_parent_pid(void) { return getppid(); }
uint32_t clinux_user_id(void) { return getuid(); }
int32_t clinux_process_exists(int32_t pid) { return kill(pid, 0) == 0 || errno == EPERM; }
const char *clinux_environment(const char *name) { return getenv(name); }
int32_t clinux_set_environment(const char *n, const char *v) { return setenv(n, v, 1) ? -errno : 0; }

const char *clinux_environment_entry(size_t index) {
  for (size_t i = 0; environ && environ[i]; i++)
    if (i == index) return environ[i];
  return NULL;
}

// MARK: Threads

_Static_assert(sizeof(pthread_t) <= sizeof(uint64_t), "a thread does not fit");

int32_t clinux_thread_start(size_t stack_byte_count, const char *name, void *(*body)(void *),
                            void *context, uint64_t *thread) {
  pthread_attr_t attributes;
  int e = pthread_attr_init(&attributes);
  if (e) return -e;
  if (stack_byte_count) e = pthread_attr_setstacksize(&attributes, stack_byte_count);
  pthread_t made;
  // Signals go to the main thread: the others start with everything blocked.
  sigset_t all, old;
  sigfillset(&all);
  sigdelset(&all, SIGSEGV);
  sigdelset(&all, SIGBUS);
  sigdelset(&all, SIGILL);
  sigdelset(&all, SIGFPE);
  sigdelset(&all, SIGTRAP);
  sigdelset(&all, SIGABRT);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  if (!e) e = pthread_create(&made, &attributes, body, context);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  pthread_attr_destroy(&attributes);
  if (e) return -e;
  pthread_setname_np(made, name);
  *thread = (uint64_t)made;
  return 0;
}

int32_t clinux_thread_join(uint64_t thread) { return -pthread_join((pthread_t)thread, NULL); }
int32_t clinux_thread_detach(uint64_t thread) { return -pthread_detach((pthread_t)thread); }

void clinux_bound_heap(void) {
  // Setting the threshold also stops glibc from raising it whenever a large buffer is freed.
  mallopt(M_MMAP_THRESHOLD, 64 << 10);
  mallopt(M_TRIM_THRESHOLD, 128 << 10);
  mallopt(M_ARENA_MAX, 2);
}
