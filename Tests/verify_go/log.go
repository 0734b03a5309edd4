package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Tiles hold 256 hashes: height 8.
const tileHeight = 8

// log is a stored log while it is verified.
type log struct {
	dir     string
	size    int64
	root    tlog.Hash
	entries [][]byte
	hashes  []tlog.Hash // in x/mod's storage order
}

func verifyLog(logKey, mirrorKey, dir string) (string, error) {
	l := &log{dir: dir}
	if err := l.openCheckpoint(logKey, mirrorKey); err != nil {
		return "", fmt.Errorf("checkpoint: %w", err)
	}
	if err := l.readEntries(); err != nil {
		return "", err
	}
	if err := l.checkRoot(); err != nil {
		return "", err
	}
	files, err := l.checkFiles()
	if err != nil {
		return "", err
	}
	readings, err := l.checkSlots()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(
		"%d entries and %d files agree with a checkpoint signed by both keys; %d scheduled readings, none twice",
		l.size, files, readings), nil
}

// openCheckpoint demands both signatures and reads size and root.
func (l *log) openCheckpoint(logKey, mirrorKey string) error {
	text, err := os.ReadFile(filepath.Join(l.dir, "checkpoint"))
	if err != nil {
		return err
	}
	signer, err := note.NewVerifier(logKey)
	if err != nil {
		return err
	}
	mirror, err := newCosigner(mirrorKey)
	if err != nil {
		return err
	}
	opened, err := note.Open(text, note.VerifierList(signer, mirror))
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, signature := range opened.Sigs {
		seen[signature.Name] = true
	}
	if !seen[signer.Name()] || !seen[mirror.Name()] {
		return fmt.Errorf("signed by %v, want %s and %s", seen, signer.Name(), mirror.Name())
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != signer.Name() {
		return fmt.Errorf("not three lines under the origin of the key: %q", opened.Text)
	}
	if l.size, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return err
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return fmt.Errorf("bad root: %q", lines[2])
	}
	copy(l.root[:], root)
	return nil
}

// path is where C2SP keeps a tile: as x/mod does, but without the height, and "entries" for "data".
func path(tile tlog.Tile) string {
	return strings.Replace(strings.Replace(tile.Path(), "tile/8/", "tile/", 1), "tile/data/", "tile/entries/", 1)
}

// readEntries reads the bundles that the size needs and hashes each entry.
func (l *log) readEntries() error {
	for first := int64(0); first < l.size; first += 1 << tileHeight {
		tile := tlog.Tile{H: tileHeight, L: -1, N: first >> tileHeight, W: width(l.size - first)}
		bundle, err := os.ReadFile(filepath.Join(l.dir, path(tile)))
		if err != nil {
			return err
		}
		for i := 0; i < tile.W; i++ {
			entry, rest, err := nextEntry(bundle)
			if err != nil {
				return fmt.Errorf("%s: entry %d: %w", path(tile), first+int64(i), err)
			}
			if index, err := namedIndex(entry); err != nil || index != uint64(first)+uint64(i) {
				return fmt.Errorf("entry %d names itself %d (%v)", first+int64(i), index, err)
			}
			hashes, err := tlog.StoredHashes(first+int64(i), entry, l)
			if err != nil {
				return err
			}
			l.hashes = append(l.hashes, hashes...)
			l.entries = append(l.entries, entry)
			bundle = rest
		}
		if len(bundle) != 0 {
			return fmt.Errorf("%s: %d bytes after its last entry", path(tile), len(bundle))
		}
	}
	return nil
}

func width(remaining int64) int {
	if remaining > 1<<tileHeight {
		return 1 << tileHeight
	}
	return int(remaining)
}

func nextEntry(bundle []byte) (entry, rest []byte, err error) {
	if len(bundle) < 2 {
		return nil, nil, fmt.Errorf("bundle ends")
	}
	length := int(binary.BigEndian.Uint16(bundle))
	if len(bundle) < 2+length {
		return nil, nil, fmt.Errorf("bundle ends inside an entry of %d bytes", length)
	}
	return bundle[2 : 2+length], bundle[2+length:], nil
}

// namedIndex reads the second element of the CBOR array that every entry is.
func namedIndex(entry []byte) (uint64, error) {
	if len(entry) < 3 || entry[0]>>5 != 4 || entry[1]>>5 != 0 || entry[1]&31 > 23 {
		return 0, fmt.Errorf("not an array that starts with a kind")
	}
	first := entry[2]
	if first>>5 != 0 {
		return 0, fmt.Errorf("its second element is no unsigned integer")
	}
	switch low := first & 31; {
	case low < 24:
		return uint64(low), nil
	case low > 27 || len(entry) < 3+1<<(low-24):
		return 0, fmt.Errorf("its index is cut off")
	default:
		var value uint64
		for _, b := range entry[3 : 3+1<<(low-24)] {
			value = value<<8 | uint64(b)
		}
		return value, nil
	}
}

// ReadHashes makes log a tlog.HashReader over the hashes computed from the entries.
func (l *log) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index >= int64(len(l.hashes)) {
			return nil, fmt.Errorf("no hash %d", index)
		}
		found[i] = l.hashes[index]
	}
	return found, nil
}

func (l *log) checkRoot() error {
	root, err := tlog.TreeHash(l.size, l)
	if err != nil {
		return err
	}
	if root != l.root {
		return fmt.Errorf("the entries hash to %v, the checkpoint says %v", root, l.root)
	}
	return nil
}

// checkFiles demands every tile of the final size, and compares every file under tile/.
func (l *log) checkFiles() (int, error) {
	for level, count := 0, l.size; count > 0; level, count = level+1, count>>tileHeight {
		for first := int64(0); first < count; first += 1 << tileHeight {
			tile := tlog.Tile{H: tileHeight, L: level, N: first >> tileHeight, W: width(count - first)}
			if _, err := os.Stat(filepath.Join(l.dir, path(tile))); err != nil {
				return 0, err
			}
		}
	}
	files := 0
	err := filepath.WalkDir(filepath.Join(l.dir, "tile"), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		relative, err := filepath.Rel(l.dir, name)
		if err != nil {
			return err
		}
		return l.checkFile(relative)
	})
	return files, err
}

func (l *log) checkFile(name string) error {
	foreign := "tile/8/" + strings.Replace(strings.TrimPrefix(name, "tile/"), "entries/", "data/", 1)
	tile, err := tlog.ParseTilePath(foreign)
	if err != nil || path(tile) != name {
		return fmt.Errorf("%s: no tile has this name", name)
	}
	got, err := os.ReadFile(filepath.Join(l.dir, name))
	if err != nil {
		return err
	}
	var want []byte
	if tile.L < 0 {
		first := tile.N << tileHeight
		if first+int64(tile.W) > l.size {
			return fmt.Errorf("%s: past the end of the log", name)
		}
		for _, entry := range l.entries[first : first+int64(tile.W)] {
			want = append(want, byte(len(entry)>>8), byte(len(entry)))
			want = append(want, entry...)
		}
	} else if want, err = tlog.ReadTileData(tile, l); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%s: its bytes are not those of the entries", name)
	}
	return nil
}
