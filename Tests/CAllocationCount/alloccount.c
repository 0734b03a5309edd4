// Symbol interposition without LD_PRELOAD: the executable's definitions win over libc's.
#define _GNU_SOURCE
#include <stddef.h>
#include <errno.h>
#include <stdatomic.h>
#include "include/alloccount.h"
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define NO_INTERPOSE 1                       // sanitizers own malloc: interposing under them crashes at start-up
#endif
#endif
#ifdef NO_INTERPOSE
int alloc_count_enabled(void) { return 0; }
uint64_t alloc_count_thread(void) { return 0; }
uint64_t alloc_count_total(void) { return 0; }
#else
int alloc_count_enabled(void) { return 1; }
extern void *__libc_malloc(size_t); extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t); extern void *__libc_memalign(size_t, size_t); extern void __libc_free(void *);
static __thread uint64_t t_count __attribute__((tls_model("initial-exec")));
static _Atomic uint64_t g_count;
static inline void hit(void) { t_count++; atomic_fetch_add_explicit(&g_count, 1, memory_order_relaxed); }
void *malloc(size_t n) { hit(); return __libc_malloc(n); }
void *calloc(size_t a, size_t b) { hit(); return __libc_calloc(a, b); }
void *realloc(void *p, size_t n) { hit(); return __libc_realloc(p, n); }
void free(void *p) { __libc_free(p); }
void *memalign(size_t a, size_t n) { hit(); return __libc_memalign(a, n); }
void *aligned_alloc(size_t a, size_t n) { hit(); return __libc_memalign(a, n); }
int posix_memalign(void **o, size_t a, size_t n) { hit(); void *p = __libc_memalign(a, n); if (!p) return ENOMEM; *o = p; return 0; }
uint64_t alloc_count_thread(void) { return t_count; }
uint64_t alloc_count_total(void) { return atomic_load(&g_count); }
#endif
