// One way of computing, in LANES lanes with the instructions of TARGET; csha256.c includes this file once
// for each. Word i of every message of a group stands side by side, so that one instruction of the
// compression function (FIPS 180-4, 6.2.2) does its work for all of them.

#define NAMED_(name, lanes) name##_##lanes
#define NAMED(name, lanes) NAMED_(name, lanes)
#define VECTOR NAMED(vector, LANES)
#define ROTATED(x, n) ((x) >> (n) | (x) << (32 - (n)))

typedef uint32_t VECTOR __attribute__((vector_size(4 * LANES)));

/// What a group of messages has come to, and their next block.
struct NAMED(group, LANES) {
  VECTOR state[8];
  VECTOR block[16];
};

TARGET static void NAMED(begin, LANES)(struct NAMED(group, LANES) *group) {
  for (int i = 0; i < 8; i++) group->state[i] = (VECTOR){0} + initial_state[i];
}

TARGET static void NAMED(put, LANES)(
    struct NAMED(group, LANES) *group, int lane, const uint8_t *bytes) {
  for (int i = 0; i < 16; i++) group->block[i][lane] = word(bytes + 4 * i);
}

TARGET static void NAMED(take, LANES)(
    const struct NAMED(group, LANES) *group, int lane, uint8_t *digest) {
  for (int i = 0; i < 8; i++) put_word(group->state[i][lane], digest + 4 * i);
}

TARGET static void NAMED(compress, LANES)(struct NAMED(group, LANES) *group) {
  VECTOR w[16];
  for (int i = 0; i < 16; i++) w[i] = group->block[i];
  VECTOR a = group->state[0], b = group->state[1], c = group->state[2], d = group->state[3];
  VECTOR e = group->state[4], f = group->state[5], g = group->state[6], h = group->state[7];
  for (int t = 0; t < 64; t += 16) {
#pragma clang loop unroll(full)
    for (int i = 0; i < 16; i++) {
      if (t > 0) {
        VECTOR early = w[(i + 1) & 15], late = w[(i + 14) & 15];
        w[i] += (ROTATED(early, 7) ^ ROTATED(early, 18) ^ early >> 3) + w[(i + 9) & 15] +
                (ROTATED(late, 17) ^ ROTATED(late, 19) ^ late >> 10);
      }
      VECTOR t1 = h + (ROTATED(e, 6) ^ ROTATED(e, 11) ^ ROTATED(e, 25)) + (g ^ (e & (f ^ g))) +
                  round_constants[t + i] + w[i];
      VECTOR t2 = (ROTATED(a, 2) ^ ROTATED(a, 13) ^ ROTATED(a, 22)) + ((a & b) | (c & (a | b)));
      h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
    }
  }
  group->state[0] += a, group->state[1] += b, group->state[2] += c, group->state[3] += d;
  group->state[4] += e, group->state[5] += f, group->state[6] += g, group->state[7] += h;
}

TARGET static void NAMED(nodes, LANES)(const uint8_t *pairs, size_t count, uint8_t *nodes) {
  struct NAMED(group, LANES) group;
  for (size_t done = 0; done < count; done += LANES) {
    int used = count - done < LANES ? (int)(count - done) : LANES;
    NAMED(begin, LANES)(&group);
    for (int i = 0; i < 16; i++) group.block[i] = (VECTOR){0};
    for (int lane = 0; lane < used; lane++) {
      const uint8_t *pair = pairs + 64 * (done + lane);
      group.block[0][lane] = UINT32_C(0x01000000) | word(pair) >> 8;
      for (int i = 1; i < 16; i++) group.block[i][lane] = word(pair + 4 * i - 1);
    }
    NAMED(compress, LANES)(&group);
    // The second block: the last byte, the end mark, and 65 bytes as 520 bits.
    for (int i = 0; i < 15; i++) group.block[i] = (VECTOR){0};
    group.block[15] = (VECTOR){0} + 520;
    for (int lane = 0; lane < used; lane++) {
      group.block[0][lane] = (uint32_t)pairs[64 * (done + lane) + 63] << 24 | UINT32_C(0x800000);
    }
    NAMED(compress, LANES)(&group);
    for (int lane = 0; lane < used; lane++) {
      NAMED(take, LANES)(&group, lane, nodes + 32 * (done + lane));
    }
  }
}

TARGET static void NAMED(leaves, LANES)(const uint8_t *bundle, size_t count, uint8_t *leaves) {
  struct NAMED(group, LANES) group;
  struct leaf messages[LANES];
  uint8_t block[64];
  for (size_t done = 0; done < count; done += LANES) {
    int used = count - done < LANES ? (int)(count - done) : LANES;
    size_t longest = 0;
    for (int lane = 0; lane < used; lane++) {
      messages[lane] = next_leaf(&bundle);
      if (messages[lane].block_count > longest) longest = messages[lane].block_count;
    }
    NAMED(begin, LANES)(&group);
    for (int i = 0; i < 16; i++) group.block[i] = (VECTOR){0};
    for (size_t number = 0; number < longest; number++) {
      for (int lane = 0; lane < used; lane++) {
        if (number >= messages[lane].block_count) continue;
        NAMED(put, LANES)(&group, lane, leaf_block(&messages[lane], number, block));
      }
      NAMED(compress, LANES)(&group);
      // A lane that is done goes on with what nobody looks at.
      for (int lane = 0; lane < used; lane++) {
        if (number + 1 != messages[lane].block_count) continue;
        NAMED(take, LANES)(&group, lane, leaves + 32 * (done + lane));
      }
    }
  }
}

#undef NAMED_
#undef NAMED
#undef VECTOR
#undef ROTATED
#undef LANES
#undef TARGET
