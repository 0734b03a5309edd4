// What a compiler asks of a machine without an operating system, and a start. Nothing here allocates,
// and nothing but this and ring 0 is linked.
#include <stddef.h>
#include <stdint.h>

int32_t run_ring0(void *memory, intptr_t byte_count);

static _Alignas(4096) unsigned char memory[192 << 10];

// The bodies are volatile so that the compiler does not make calls to these very functions of them.
void *memcpy(void *restrict to, const void *restrict from, size_t count) {
  volatile unsigned char *d = to;
  const unsigned char *s = from;
  while (count--) *d++ = *s++;
  return to;
}
void *memmove(void *to, const void *from, size_t count) {
  volatile unsigned char *d = to;
  const unsigned char *s = from;
  if ((uintptr_t)d < (uintptr_t)s) return memcpy(to, from, count);
  while (count--) d[count] = s[count];
  return to;
}
void *memset(void *to, int byte, size_t count) {
  volatile unsigned char *d = to;
  while (count--) *d++ = (unsigned char)byte;
  return to;
}
uintptr_t __stack_chk_guard = 0x5bd1e995;

#if defined(__x86_64__)
static long system_call(long number, long a, long b) {
  long result;
  __asm volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b) : "rcx", "r11", "memory");
  return result;
}
_Noreturn static void leave(int code) {
  for (;;) system_call(60, code, 0);  // exit
}
__attribute__((used, no_stack_protector)) static _Noreturn void begin(void) {
  static unsigned char thread[64];  // Stack protectors read their guard at 0x28 of it.
  system_call(158, 0x1002, (long)thread);  // arch_prctl(ARCH_SET_FS)
  leave(run_ring0(memory, sizeof memory));
}
__attribute__((naked)) void _start(void) { __asm("xor %ebp, %ebp\n and $-16, %rsp\n call begin"); }
#else
_Noreturn static void leave(int code) {
  (void)code;
  for (;;) {}
}
void _start(void) { leave(run_ring0(memory, sizeof memory)); }

// Run-time ABI for the Arm architecture (IHI0043), 4.2 and 4.3.4: 64-bit arithmetic and memory.
// Shifts by 0 to 63, of halves, because a shift of the whole would call these functions.
typedef union {
  uint64_t whole;
  struct {
    uint32_t low, high;
  };
} halves;
uint64_t __aeabi_llsl(uint64_t value, int count) {
  halves v = {value};
  if (count >= 32) v.high = v.low, v.low = 0, count -= 32;
  if (count > 0) v.high = v.high << count | v.low >> (32 - count), v.low <<= count;
  return v.whole;
}
uint64_t __aeabi_llsr(uint64_t value, int count) {
  halves v = {value};
  if (count >= 32) v.low = v.high, v.high = 0, count -= 32;
  if (count > 0) v.low = v.low >> count | v.high << (32 - count), v.high >>= count;
  return v.whole;
}
typedef struct {
  uint64_t quotient, remainder;
} divided;
__attribute__((used)) static void divide(uint64_t n, uint64_t d, divided *out) {
  uint64_t quotient = 0, remainder = 0;
  for (int i = 63; i >= 0; i--) {
    remainder = __aeabi_llsl(remainder, 1) | (__aeabi_llsr(n, i) & 1);
    if (remainder >= d) remainder -= d, quotient |= __aeabi_llsl(1, i);
  }
  out->quotient = quotient, out->remainder = remainder;
}
// Quotient in r0:r1, remainder in r2:r3.
__attribute__((naked)) void __aeabi_uldivmod(void) {
  __asm("push {r11, lr}\n sub sp, #24\n add r12, sp, #8\n str r12, [sp]\n bl divide\n"
        "ldrd r0, r1, [sp, #8]\n ldrd r2, r3, [sp, #16]\n add sp, #24\n pop {r11, pc}");
}
#define MEMORY(suffix)                                                                              \
  void __aeabi_memcpy##suffix(void *d, const void *s, size_t n) { memcpy(d, s, n); }                \
  void __aeabi_memmove##suffix(void *d, const void *s, size_t n) { memmove(d, s, n); }              \
  void __aeabi_memset##suffix(void *d, size_t n, int c) { memset(d, c, n); }                        \
  void __aeabi_memclr##suffix(void *d, size_t n) { memset(d, 0, n); }
MEMORY()
MEMORY(4)
MEMORY(8)
#endif

void __stack_chk_fail(void) { leave(71); }
