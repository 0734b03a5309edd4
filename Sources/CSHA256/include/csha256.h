// SHA-256 (FIPS 180-4) over many independent messages at once: the hashes of RFC 6962, 2.1, which a log
// needs by the hundred.
//
// A processor with vector registers computes 4, 8 or 16 of them in the time of one or two. Nothing here does
// input or output, allocates, or keeps anything.

#ifndef CSHA256_H
#define CSHA256_H

#include <stddef.h>
#include <stdint.h>

/// Writes SHA-256(0x01 ‖ left ‖ right) for each of `count` pairs of 32-byte digests that stand in `pairs` one
/// behind the other. `nodes` takes 32 × `count` bytes; the two do not overlap.
void csha256_nodes(const uint8_t *pairs, size_t count, uint8_t *nodes);

/// Writes SHA-256(0x00 ‖ entry) for each of the first `count` entries of a bundle: u16 big-endian length and
/// as many bytes, one entry behind the other. `leaves` takes 32 × `count` bytes. The caller has made sure that
/// the bundle holds so many.
void csha256_leaves(const uint8_t *bundle, size_t count, uint8_t *leaves);

/// The same as the two above, in this many lanes if the processor has them; for tests. Returns 0, and does
/// nothing, if it has not. 4 lanes are there always.
int csha256_nodes_in_lanes(int lanes, const uint8_t *pairs, size_t count, uint8_t *nodes);
int csha256_leaves_in_lanes(int lanes, const uint8_t *bundle, size_t count, uint8_t *leaves);

#endif
