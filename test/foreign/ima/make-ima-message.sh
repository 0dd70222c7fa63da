#!/bin/sh
# make-ima-message FROM TO SUBJECT: makes a message of the text on standard input.
set -e
text=$(mktemp)
trap 'rm -f "$text"' EXIT
cat > "$text"
printf 'ima: 1\nid: %s@%s\ndate: %s\n' "$(cat /proc/sys/kernel/random/uuid)" "${1#*@}" "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
printf 'from: %s\nto: %s\nsubject: %s\nsize: %d\n\n' "$1" "$2" "$3" "$(wc -c < "$text")"
cat "$text"
