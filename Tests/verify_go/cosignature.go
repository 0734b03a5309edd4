package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

// cosigner checks C2SP tlog-cosignature, Ed25519 (type 0x04), which x/mod 0.7 does not know.
// It is a note.Verifier.
type cosigner struct {
	name string
	id   uint32
	key  ed25519.PublicKey
}

func newCosigner(vkey string) (*cosigner, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, fmt.Errorf("not a vkey: %q", vkey)
	}
	blob, err := base64.StdEncoding.Strict().DecodeString(parts[2])
	if err != nil || len(blob) != 1+ed25519.PublicKeySize || blob[0] != 0x04 {
		return nil, fmt.Errorf("not a cosignature key: %q", vkey)
	}
	sum := sha256.Sum256(append([]byte(parts[0]+"\n"), blob...))
	if hex.EncodeToString(sum[:4]) != parts[1] {
		return nil, fmt.Errorf("the key id of %q does not follow from its key", vkey)
	}
	return &cosigner{parts[0], binary.BigEndian.Uint32(sum[:4]), blob[1:]}, nil
}

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return c.id }

// Verify checks a timestamped signature: u64be seconds, then 64 bytes over a text that repeats them.
func (c *cosigner) Verify(body, signature []byte) bool {
	if len(signature) != 8+ed25519.SignatureSize {
		return false
	}
	seconds := binary.BigEndian.Uint64(signature)
	var message bytes.Buffer
	fmt.Fprintf(&message, "cosignature/v1\ntime %d\n", seconds)
	message.Write(body)
	return seconds != 0 && seconds < 1<<63 && ed25519.Verify(c.key, message.Bytes(), signature[8:])
}
