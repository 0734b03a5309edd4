#include "csha256.h"

/// FIPS 180-4, 5.3.3: what every message begins with.
static const uint32_t initial_state[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

/// FIPS 180-4, 4.2.2.
static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
    0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
    0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t word(const uint8_t *bytes) {
  uint32_t value;
  __builtin_memcpy(&value, bytes, 4);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  value = __builtin_bswap32(value);
#endif
  return value;
}

static inline void put_word(uint32_t value, uint8_t *bytes) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  value = __builtin_bswap32(value);
#endif
  __builtin_memcpy(bytes, &value, 4);
}

/// One message 0x00 ‖ entry.
struct leaf {
  const uint8_t *entry;
  size_t length;
  size_t block_count;
};

static inline struct leaf next_leaf(const uint8_t **bundle) {
  struct leaf leaf;
  leaf.length = (size_t)(*bundle)[0] << 8 | (*bundle)[1];
  leaf.entry = *bundle + 2;
  // The prefix, the end mark and 8 bytes of length are added (FIPS 180-4, 5.1.1).
  leaf.block_count = (leaf.length + 10 + 63) / 64;
  *bundle = leaf.entry + leaf.length;
  return leaf;
}

/// A block of the padded message: in place if it is made of the entry alone, else in `memory`.
static inline const uint8_t *leaf_block(const struct leaf *leaf, size_t number, uint8_t *memory) {
  size_t start = 64 * number;  // in the message, whose byte i + 1 is byte i of the entry
  size_t end = leaf->length + 1;
  if (number > 0 && start + 64 <= end) return leaf->entry + start - 1;
  __builtin_memset(memory, 0, 64);
  if (start < end) {
    size_t first = number == 0 ? 1 : 0;
    size_t last = end - start < 64 ? end - start : 64;
    __builtin_memcpy(memory + first, leaf->entry + start + first - 1, last - first);
  }
  if (end >= start && end < start + 64) memory[end - start] = 0x80;
  if (number + 1 == leaf->block_count) {
    uint64_t bits = 8 * (uint64_t)end;
    for (int i = 0; i < 8; i++) memory[56 + i] = (uint8_t)(bits >> (56 - 8 * i));
  }
  return memory;
}

#define LANES 4
#define TARGET
#include "lanes.h"

#if defined(__x86_64__)

#include "instructions.h"

#define LANES 8
#define TARGET __attribute__((target("avx2")))
#include "lanes.h"

#define LANES 16
#define TARGET __attribute__((target("avx512f")))
#include "lanes.h"

static int widest(void) {
  if (__builtin_cpu_supports("avx512f")) return 16;
  return __builtin_cpu_supports("avx2") ? 8 : 4;
}

#else

// NEON has 4 lanes in each of its registers, and so has whatever else the compiler makes of vectors.
static int widest(void) { return 4; }

int csha256_blocks(uint32_t state[8], const uint8_t *blocks, size_t count) { return 0; }

#endif

int csha256_nodes_in_lanes(int lanes, const uint8_t *pairs, size_t count, uint8_t *nodes) {
  if (lanes > widest()) return 0;
  switch (lanes) {
#if defined(__x86_64__)
    case 16: nodes_16(pairs, count, nodes); return 1;
    case 8: nodes_8(pairs, count, nodes); return 1;
#endif
    case 4: nodes_4(pairs, count, nodes); return 1;
    default: return 0;
  }
}

int csha256_leaves_in_lanes(int lanes, const uint8_t *bundle, size_t count, uint8_t *leaves) {
  if (lanes > widest()) return 0;
  switch (lanes) {
#if defined(__x86_64__)
    case 16: leaves_16(bundle, count, leaves); return 1;
    case 8: leaves_8(bundle, count, leaves); return 1;
#endif
    case 4: leaves_4(bundle, count, leaves); return 1;
    default: return 0;
  }
}

void csha256_nodes(const uint8_t *pairs, size_t count, uint8_t *nodes) {
  csha256_nodes_in_lanes(widest(), pairs, count, nodes);
}

void csha256_leaves(const uint8_t *bundle, size_t count, uint8_t *leaves) {
  csha256_leaves_in_lanes(widest(), bundle, count, leaves);
}
