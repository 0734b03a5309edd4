// verify_go is an independent verifier of a log that a collector stores.
//
// It shares no code with Tallystick: signatures, tree and tiles are those of golang.org/x/mod/sumdb,
// by the authors of Go's checksum database. Debian packages golang-go and golang-golang-x-mod-dev,
// GOPATH mode:
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go run ./Tests/verify_go LOG-VKEY MIRROR-VKEY DIR
//
// DIR is laid out as C2SP tlog-tiles says: checkpoint, tile/entries/..., tile/0/..., tile/1/...
// The log is good if and only if the checkpoint carries a valid signature of the log and a valid
// cosignature of the mirror, every tile and bundle that its size needs is there, every file under
// tile/ holds exactly the hashes or entries that its path says, the root follows from the entries,
// every entry names its own index, and no two readings answer for the same slot. Exit: 0 good, 1 a finding, 2 usage.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: verify_go LOG-VKEY MIRROR-VKEY DIR")
		os.Exit(2)
	}
	report, err := verifyLog(os.Args[1], os.Args[2], os.Args[3])
	if err != nil {
		fmt.Println("verify_go:", err)
		os.Exit(1)
	}
	fmt.Println("verify_go:", report)
}
