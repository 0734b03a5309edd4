// SHA-256 (FIPS 180-4) faster than it can be written in Swift: over many independent messages at once, the hashes
// of RFC 6962, 2.1, which a log needs by the hundred, and over one with the instructions for it.
//
// A processor with vector registers computes 4, 8 or 16 messages in the time of one or two. Nothing here does
// input or output, allocates, or keeps anything but what the processor can do.

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

/// Takes `count` blocks of 64 bytes into the eight words of `state` (FIPS 180-4, 6.2.2), if the processor has
/// instructions for it. Returns 0, and does nothing, if it has not: Swift does it then.
int csha256_blocks(uint32_t state[8], const uint8_t *blocks, size_t count);

/// The same as the first two, in this many lanes if the processor has them; for tests. Returns 0, and does
/// nothing, if it has not. 4 lanes are there always.
int csha256_nodes_in_lanes(int lanes, const uint8_t *pairs, size_t count, uint8_t *nodes);
int csha256_leaves_in_lanes(int lanes, const uint8_t *bundle, size_t count, uint8_t *leaves);

#endif
