package main

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// vectors are those of the mirror protocol; MIRROR_VECTORS says where they lie.
type vectors struct {
	Keys map[string]struct {
		VKey string `json:"vkey"`
	} `json:"keys"`
	Entries struct {
		Bundles map[string]string `json:"bundle_base64"`
	} `json:"entries"`
	Served struct {
		Checkpoint string `json:"checkpoint_after_3_5"`
	} `json:"served"`
}

// layOut writes the 700 entries of the vectors as a collector would, and says how to verify them.
func layOut(t *testing.T) (logKey, mirrorKey, dir string) {
	text, err := os.ReadFile(os.Getenv("MIRROR_VECTORS"))
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	write(t, dir, "checkpoint", []byte(v.Served.Checkpoint))
	l := &log{dir: dir, size: 700}
	for name, encoded := range v.Entries.Bundles {
		bundle, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			t.Fatal(err)
		}
		number := int64(name[0] - '0')
		write(t, dir, path(tlog.Tile{H: 8, L: -1, N: number, W: width(700 - number<<8)}), bundle)
	}
	if err := l.readEntries(); err != nil {
		t.Fatal(err)
	}
	for _, tile := range []tlog.Tile{
		{H: 8, L: 0, N: 0, W: 256}, {H: 8, L: 0, N: 1, W: 256}, {H: 8, L: 0, N: 2, W: 188},
		{H: 8, L: 1, N: 0, W: 2},
	} {
		bytes, err := tlog.ReadTileData(tile, l)
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, path(tile), bytes)
	}
	return v.Keys["log"].VKey, v.Keys["mirror"].VKey, dir
}

func write(t *testing.T, dir, name string, bytes []byte) {
	full := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, bytes, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestAWholeLogIsGood(t *testing.T) {
	logKey, mirrorKey, dir := layOut(t)
	if report, err := verifyLog(logKey, mirrorKey, dir); err != nil {
		t.Fatal(err)
	} else {
		t.Log(report)
	}
}

func TestAFlippedByteOfAnyFileIsFound(t *testing.T) {
	logKey, mirrorKey, dir := layOut(t)
	for _, name := range []string{
		"checkpoint", "tile/entries/000", "tile/entries/002.p/188", "tile/0/001", "tile/0/002.p/188",
		"tile/1/000.p/2",
	} {
		full := filepath.Join(dir, name)
		original, err := os.ReadFile(full)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []int{0, len(original) / 2, len(original) - 2} {
			changed := append([]byte(nil), original...)
			changed[at] ^= 1
			write(t, dir, name, changed)
			if _, err := verifyLog(logKey, mirrorKey, dir); err == nil {
				t.Errorf("%s: byte %d was flipped and not found", name, at)
			}
		}
		write(t, dir, name, original)
	}
}

func TestAMissingTileAndAStrayFileAreFound(t *testing.T) {
	logKey, mirrorKey, dir := layOut(t)
	write(t, dir, "tile/0/003", make([]byte, 8192))
	if _, err := verifyLog(logKey, mirrorKey, dir); err == nil {
		t.Error("a tile past the end was not found")
	}
	os.Remove(filepath.Join(dir, "tile/0/003"))
	os.Remove(filepath.Join(dir, "tile/0/001"))
	if _, err := verifyLog(logKey, mirrorKey, dir); err == nil {
		t.Error("a missing tile was not found")
	}
}

func TestTheWrongKeyIsRefused(t *testing.T) {
	logKey, mirrorKey, dir := layOut(t)
	other := "other.example/m+b7f9d4f5+BPvZ8d3n5Z98qP5pHEb21pnO6SwdwjNBRvT+pDpeTFQZ"
	for _, keys := range [][2]string{{logKey, other}, {mirrorKey, logKey}} {
		if _, err := verifyLog(keys[0], keys[1], dir); err == nil {
			t.Errorf("%v was accepted", keys)
		}
	}
}

func TestAReadingThatAnswersForTheSameSlotAgainIsFound(t *testing.T) {
	// [1, idx, 1, 2, 3, 4, 9, 2, 0, 77, 5, h'', {4: 1}], and the same with another part or none.
	first := []byte{0x8D, 1, 0, 1, 2, 3, 4, 9, 2, 0, 0x18, 77, 5, 0x40, 0xA1, 4, 1}
	other := append([]byte(nil), first...)
	other[16] = 2
	bare := append([]byte{0x8C}, first[1:14]...)
	unscheduled := append([]byte{0x8C, 1, 0, 1, 2, 3, 4, 9, 2, 0, 0xF6}, first[12:14]...)
	l := &log{entries: [][]byte{first, other, bare, unscheduled, unscheduled, {0x82, 5, 0}}}
	if count, err := l.checkSlots(); err != nil || count != 3 {
		t.Errorf("%d readings, %v", count, err)
	}
	l.entries = append(l.entries, other)
	if _, err := l.checkSlots(); err == nil {
		t.Error("a doubled slot was not found")
	}
	for length := range first {
		if length > 2 {
			readingSlot(first[:length])
		}
	}
}
