// One message after the other, with the instructions that a processor has for it (Intel SHA Extensions, since
// Goldmont and Ice Lake; AMD since Zen): each does two rounds of FIPS 180-4, 6.2.2. csha256.c includes this file.

#include <cpuid.h>
#include <immintrin.h>

static int has_instructions;

/// Asked once: in a virtual machine the question costs as much as many hashes. SSE4.1 and SSSE3 are older than the
/// instructions, but a virtual machine may hide them.
__attribute__((constructor)) static void look_for_instructions(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSE4_1) || !(c & bit_SSSE3)) return;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return;
  has_instructions = (b & bit_SHA) != 0;
}

__attribute__((target("sha,sse4.1"))) static void blocks_by_instructions(
    uint32_t state[8], const uint8_t *blocks, size_t count) {
  // The words of a block are big-endian.
  const __m128i order = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  // The instructions want a, b, e, f in one register and c, d, g, h in the other, the first in the highest place.
  __m128i abcd = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xb1);
  __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1b);
  __m128i abef = _mm_alignr_epi8(abcd, efgh, 8);
  __m128i cdgh = _mm_blend_epi16(efgh, abcd, 0xf0);
  for (; count > 0; count--, blocks += 64) {
    const __m128i abef_before = abef, cdgh_before = cdgh;
    __m128i w[4];
    for (int i = 0; i < 4; i++) {
      w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(blocks + 16 * i)), order);
    }
#pragma unroll
    for (int i = 0; i < 16; i++) {
      const __m128i constants = _mm_loadu_si128((const __m128i *)(round_constants + 4 * i));
      const __m128i sum = _mm_add_epi32(w[i & 3], constants);
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
      if (i >= 12) continue;
      // W(t + 16) to W(t + 19) take the place of W(t) to W(t + 3).
      const __m128i w9 = _mm_alignr_epi8(w[(i + 3) & 3], w[(i + 2) & 3], 4);
      const __m128i partial = _mm_add_epi32(_mm_sha256msg1_epu32(w[i & 3], w[(i + 1) & 3]), w9);
      w[i & 3] = _mm_sha256msg2_epu32(partial, w[(i + 3) & 3]);
    }
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }
  const __m128i feba = _mm_shuffle_epi32(abef, 0x1b);
  const __m128i dchg = _mm_shuffle_epi32(cdgh, 0xb1);
  _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xf0));
  _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

int csha256_blocks(uint32_t state[8], const uint8_t *blocks, size_t count) {
  if (!has_instructions) return 0;
  blocks_by_instructions(state, blocks, count);
  return 1;
}
