#!/bin/sh
# Runs the fuzz targets over a corpus made from the golden files: replay_corpus.sh MAKE_CORPUS TARGET...
set -eu
make_corpus=$1
shift
folder=$(mktemp -d "${TMPDIR:-/tmp}/valise-corpus.XXXXXX")
trap 'rm -rf "$folder"' EXIT
"$make_corpus" "$folder"
for target in "$@"; do
    corpus=$(basename "$target" | sed 's/^replay_//')
    find "$folder/$corpus" -type f -exec "$target" {} +
done
