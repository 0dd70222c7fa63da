#!/bin/sh
# server-give-recipient INBOX [MESSAGE]: stores a message in a mailbox directory, its parts apart.
set -e
id=$(date +%s%3N)-$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
draft=$1/tmp/$id
umask 077
mkdir -p "$1/msg" "$draft"
cat ${2:+"$2"} > "$draft/whole"
sed '/^$/,$d' "$draft/whole" > "$draft/headers"
at=$(($(wc -c < "$draft/headers") + 2)) # behind the empty line, counted from 1
parts=$(sed -n 's/^part: //p' "$draft/headers")
number=0
echo "${parts:-$(sed -n 's/^size: //p' "$draft/headers") body}" | while read -r size role _; do
  number=$((number + 1))
  tail -c "+$at" "$draft/whole" | head -c "$size" > "$draft/$number.$role"
  at=$((at + size))
done
rm "$draft/whole"
sync "$draft"/*
mv "$draft" "$1/msg/$id"
