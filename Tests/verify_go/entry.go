package main

import "fmt"

// cbor reads deterministic CBOR as far as entries need it. The first error sticks.
type cbor struct {
	bytes []byte
	err   error
}

func (c *cbor) fail(what string) {
	if c.err == nil {
		c.err = fmt.Errorf("%s, %d bytes before the end", what, len(c.bytes))
	}
	c.bytes = nil
}

// head reads a major type and its argument.
func (c *cbor) head() (major byte, value uint64) {
	if len(c.bytes) == 0 {
		c.fail("the entry ends too early")
		return 7, 0
	}
	first := c.bytes[0]
	c.bytes = c.bytes[1:]
	major, low := first>>5, first&31
	if low < 24 {
		return major, uint64(low)
	}
	if low > 27 || len(c.bytes) < 1<<(low-24) {
		c.fail("a number is cut off")
		return 7, 0
	}
	for _, b := range c.bytes[:1<<(low-24)] {
		value = value<<8 | uint64(b)
	}
	c.bytes = c.bytes[1<<(low-24):]
	return major, value
}

// number reads an unsigned integer; ok is false for null.
func (c *cbor) number() (value uint64, ok bool) {
	major, value := c.head()
	if major == 7 && value == 22 {
		return 0, false
	}
	if major != 0 {
		c.fail("no unsigned integer where one is due")
	}
	return value, true
}

// skip passes over one item.
func (c *cbor) skip() {
	switch major, value := c.head(); major {
	case 2, 3:
		if value > uint64(len(c.bytes)) {
			c.fail("a string is cut off")
			return
		}
		c.bytes = c.bytes[value:]
	case 4, 5:
		for i := uint64(0); i < value*uint64(major-3) && c.err == nil; i++ {
			c.skip()
		}
	}
}

// slot is what a reading answers for: no two readings of a log answer for the same.
type slot struct {
	channel, request, number, part uint64
}

// readingSlot gives the slot of a reading entry
//
//	[1, idx, boot, mono, utc, tq, ch, req, st, slot / null, rtt / null, raw / null, ? ext]
//
// and false for entries of other kinds and for readings that were not scheduled.
func readingSlot(entry []byte) (s slot, ok bool, err error) {
	c := &cbor{bytes: entry}
	_, count := c.head()
	// The published vectors of the mirror protocol have an older entry of ten elements.
	if kind, _ := c.number(); kind != 1 || count < 12 {
		return s, false, c.err
	}
	for i := 0; i < 5; i++ {
		c.skip()
	}
	s.channel, _ = c.number()
	s.request, _ = c.number()
	c.skip()
	s.number, ok = c.number()
	c.skip()
	c.skip()
	if count > 12 {
		_, pairs := c.head()
		for i := uint64(0); i < pairs && c.err == nil; i++ {
			if key, _ := c.number(); key == 4 {
				s.part, _ = c.number()
			} else {
				c.skip()
			}
		}
	}
	return s, ok, c.err
}

// checkSlots demands that no slot was logged twice, and counts the readings.
func (l *log) checkSlots() (int, error) {
	seen := map[slot]int{}
	for index, entry := range l.entries {
		s, ok, err := readingSlot(entry)
		if err != nil {
			return 0, fmt.Errorf("entry %d: %w", index, err)
		}
		if !ok {
			continue
		}
		if before, twice := seen[s]; twice {
			return 0, fmt.Errorf("entries %d and %d both answer for channel %d, request %d, slot %d, part %d",
				before, index, s.channel, s.request, s.number, s.part)
		}
		seen[s] = index
	}
	return len(seen), nil
}
