// Verifies a log as C2SP tlog-tiles on disk with golang.org/x/mod/sumdb/tlog and note, unmodified.
//
//	verify_log [--proofs FILE] VKEY FOLDER [OLDER_CHECKPOINT...]
//
// VKEY is the log's verification key, named as the origin of the log. FOLDER holds `checkpoint` and
// `tile/`. Each OLDER_CHECKPOINT is a signed checkpoint that the log must be consistent with. FILE
// holds proofs made by someone else, a line each:
//
//	inclusion INDEX SIZE LEAF ROOT HASH...
//	consistency OLD NEW OLD_ROOT NEW_ROOT HASH...
//
// It prints one line and exits 0 when everything holds, 1 when something does not. It shares no
// code with Hafan: it is an oracle in tests, built from Debian's golang-golang-x-mod-dev.
package main

import (
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
	batch      = 4096
)

func main() {
	proofs := flag.String("proofs", "", "a `file` of proofs to check")
	flag.Parse()
	if flag.NArg() < 2 {
		fmt.Fprintln(os.Stderr, "usage: verify_log [--proofs FILE] VKEY FOLDER [OLDER_CHECKPOINT...]")
		os.Exit(2)
	}
	summary, err := verify(flag.Arg(0), flag.Arg(1), flag.Args()[2:], *proofs)
	if err != nil {
		fmt.Fprintln(os.Stderr, "go oracle:", err)
		os.Exit(1)
	}
	fmt.Println(summary)
}

func verify(vkey, folder string, older []string, proofs string) (string, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return "", fmt.Errorf("verification key: %w", err)
	}
	tree, err := openCheckpoint(filepath.Join(folder, "checkpoint"), verifier)
	if err != nil {
		return "", err
	}
	reader := tlog.TileHashReader(tree, tiles{folder})
	root, err := treeHash(tree.N, reader)
	if err != nil {
		return "", fmt.Errorf("root from tiles: %w", err)
	}
	if root != tree.Hash {
		return "", fmt.Errorf("tiles have root %v, checkpoint has %v", root, tree.Hash)
	}
	if err := checkTiles(tree, reader); err != nil {
		return "", err
	}
	if err := checkEntries(folder, tree, reader); err != nil {
		return "", err
	}
	inclusions, err := checkInclusion(tree, reader)
	if err != nil {
		return "", err
	}
	for _, path := range older {
		if err := checkConsistency(path, verifier, tree, reader); err != nil {
			return "", err
		}
	}
	given, err := checkProofs(proofs, tree, reader)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("go oracle: %d leaves, %d inclusion proofs, %d older checkpoints, %d proofs given: all hold",
		tree.N, inclusions, len(older), given), nil
}

// openCheckpoint verifies the note and reads its three lines; the origin must be the key's name.
func openCheckpoint(path string, verifier note.Verifier) (tlog.Tree, error) {
	signed, err := os.ReadFile(path)
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("%s: %w", path, err)
	}
	if len(opened.Sigs) != 1 || len(opened.UnverifiedSigs) != 0 {
		return tlog.Tree{}, fmt.Errorf("%s: want one signature", path)
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" || lines[0] != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("%s: want three lines, the first %s", path, verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || strconv.FormatInt(size, 10) != lines[1] || size < 0 {
		return tlog.Tree{}, fmt.Errorf("%s: size is not a number", path)
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("%s: %w", path, err)
	}
	return tlog.Tree{N: size, Hash: root}, nil
}

// treeHash is tlog.TreeHash with the root that RFC 6962 gives the empty tree: older versions of the
// package have 32 zeros for it.
func treeHash(size int64, reader tlog.HashReader) (tlog.Hash, error) {
	if size == 0 {
		return sha256.Sum256(nil), nil
	}
	return tlog.TreeHash(size, reader)
}

// checkTiles reads every hash of every tile; the reader authenticates each tile against the root.
func checkTiles(tree tlog.Tree, reader tlog.HashReader) error {
	for level := 0; tree.N>>uint(level) > 0; level += tileHeight {
		count := tree.N >> uint(level)
		for first := int64(0); first < count; first += batch {
			var indexes []int64
			for n := first; n < count && n < first+batch; n++ {
				indexes = append(indexes, tlog.StoredHashIndex(level, n))
			}
			if _, err := reader.ReadHashes(indexes); err != nil {
				return fmt.Errorf("tiles of level %d: %w", level/tileHeight, err)
			}
		}
	}
	return nil
}

// checkEntries compares every entry of every entry bundle with its leaf hash.
func checkEntries(folder string, tree tlog.Tree, reader tlog.HashReader) error {
	for first := int64(0); first < tree.N; first += tileWidth {
		width := tree.N - first
		if width > tileWidth {
			width = tileWidth
		}
		tile := tlog.Tile{H: tileHeight, L: -1, N: first / tileWidth, W: int(width)}
		bundle, err := os.ReadFile(filepath.Join(folder, tilePath(tile)))
		if err != nil {
			return err
		}
		indexes := make([]int64, width)
		for i := range indexes {
			indexes[i] = tlog.StoredHashIndex(0, first+int64(i))
		}
		hashes, err := reader.ReadHashes(indexes)
		if err != nil {
			return err
		}
		for i, hash := range hashes {
			if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
				return fmt.Errorf("%s: cut off", tilePath(tile))
			}
			length := 2 + int(binary.BigEndian.Uint16(bundle))
			if tlog.RecordHash(bundle[2:length]) != hash {
				return fmt.Errorf("entry %d does not have its leaf's hash", first+int64(i))
			}
			bundle = bundle[length:]
		}
		if len(bundle) != 0 {
			return fmt.Errorf("%s: %d bytes too many", tilePath(tile), len(bundle))
		}
	}
	return nil
}

// checkInclusion makes and checks proofs for leaves at the edges of tiles and of the tree.
func checkInclusion(tree tlog.Tree, reader tlog.HashReader) (int, error) {
	checked := 0
	for _, n := range []int64{0, 1, 254, 255, 256, 257, tree.N / 3, tree.N / 2, 65535, 65536, tree.N - 2, tree.N - 1} {
		if n < 0 || n >= tree.N {
			continue
		}
		proof, err := tlog.ProveRecord(tree.N, n, reader)
		if err != nil {
			return checked, fmt.Errorf("inclusion of leaf %d: %w", n, err)
		}
		leaf, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, n)})
		if err != nil {
			return checked, err
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, n, leaf[0]); err != nil {
			return checked, fmt.Errorf("inclusion of leaf %d: %w", n, err)
		}
		checked++
	}
	return checked, nil
}

func checkConsistency(path string, verifier note.Verifier, tree tlog.Tree, reader tlog.HashReader) error {
	old, err := openCheckpoint(path, verifier)
	if err != nil {
		return err
	}
	if old.N > tree.N {
		return fmt.Errorf("%s: %d leaves, and the log has %d", path, old.N, tree.N)
	}
	if old.N == 0 {
		// Every log is consistent with the empty one; ProveTree wants at least one leaf.
		if empty, err := treeHash(0, reader); err != nil || old.Hash != empty {
			return fmt.Errorf("%s: not the root of the empty tree", path)
		}
		return nil
	}
	proof, err := tlog.ProveTree(tree.N, old.N, reader)
	if err != nil {
		return fmt.Errorf("consistency with %d leaves: %w", old.N, err)
	}
	if err := tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash); err != nil {
		return fmt.Errorf("consistency with %d leaves: %w", old.N, err)
	}
	return nil
}

// checkProofs checks proofs that someone else made, line by line, against roots from the tiles.
func checkProofs(path string, tree tlog.Tree, reader tlog.HashReader) (int, error) {
	if path == "" {
		return 0, nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	checked := 0
	for _, line := range strings.Split(strings.TrimSuffix(string(content), "\n"), "\n") {
		if err := checkProof(strings.Fields(line), reader); err != nil {
			return checked, fmt.Errorf("proof on line %d: %w", checked+1, err)
		}
		checked++
	}
	return checked, nil
}

func checkProof(fields []string, reader tlog.HashReader) error {
	if len(fields) < 5 {
		return fmt.Errorf("want a kind, two numbers and two hashes")
	}
	m, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return err
	}
	n, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil {
		return err
	}
	var hashes []tlog.Hash
	for _, field := range fields[3:] {
		hash, err := tlog.ParseHash(field)
		if err != nil {
			return err
		}
		hashes = append(hashes, hash)
	}
	if root, err := treeHash(n, reader); err != nil || root != hashes[1] {
		return fmt.Errorf("another root than the tiles have at %d leaves (%v)", n, err)
	}
	switch fields[0] {
	case "inclusion":
		return tlog.CheckRecord(hashes[2:], n, hashes[1], m, hashes[0])
	case "consistency":
		return tlog.CheckTree(hashes[2:], n, hashes[1], m, hashes[0])
	}
	return fmt.Errorf("want inclusion or consistency, found %q", fields[0])
}

// tiles reads C2SP's names, which leave out the height and say entries for Go's data.
type tiles struct{ folder string }

func (t tiles) Height() int { return tileHeight }

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var read [][]byte
	for _, tile := range wanted {
		data, err := os.ReadFile(filepath.Join(t.folder, tilePath(tile)))
		if err != nil {
			return nil, err
		}
		if len(data) != tile.W*tlog.HashSize {
			return nil, fmt.Errorf("%s is %d bytes, want %d", tilePath(tile), len(data), tile.W*tlog.HashSize)
		}
		read = append(read, data)
	}
	return read, nil
}

func tilePath(tile tlog.Tile) string {
	path := strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", tileHeight))
	if tile.L == -1 {
		path = "entries" + strings.TrimPrefix(path, "data")
	}
	return "tile/" + path
}
