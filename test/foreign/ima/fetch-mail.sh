#!/bin/sh
# fetch-mail HOST PORT USER PASSWORD CA LOCAL: copies the messages of the inbox into the directory LOCAL/inbox.
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkfifo "$work/said" "$work/heard"
openssl s_client -connect "127.0.0.1:$2" -servername "$1" -verify_hostname "$1" -verify_return_error -CAfile "$5" \
  -quiet < "$work/said" > "$work/heard" 2> /dev/null &
exec 3> "$work/said" 4< "$work/heard"

echo "AUTH PASS $3 $(printf %s "$4" | base64)" >&3
read -r answer <&4
[ "$answer" = OK ] || exit 1
echo 'LIST inbox' >&3
while read -r word id _ <&4 && [ "$word" = MSG ]; do echo "$id"; done > "$work/ids"
while read -r id; do
  echo "FETCH inbox $id" >&3
  read -r _ length <&4
  head -c "$length" <&4 | "$here/server-give-recipient.sh" "$6/inbox" || exit 1
  read -r _ <&4
done < "$work/ids"
echo DONE >&3
