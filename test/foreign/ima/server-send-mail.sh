#!/bin/sh
# server-send-mail HOST PORT CERT KEY CA: sends the message on standard input to the server of HOST, which is the one of all its readers.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/message"
mkfifo "$work/said" "$work/heard"
openssl s_client -connect "127.0.0.1:$2" -servername "$1" -verify_hostname "$1" -verify_return_error \
  -cert "$3" -key "$4" -CAfile "$5" -quiet < "$work/said" > "$work/heard" 2> /dev/null &
exec 3> "$work/said" 4< "$work/heard"

headers=$(sed '/^$/q' "$work/message" | wc -c)
head -c "$headers" "$work/message" >&3
read -r verdict <&4
if [ "$verdict" != ACCEPT ]; then
  echo "NOTE $verdict"
  echo DONE >&3
  exit 1
fi
echo DATA >&3
tail -c "+$((headers + 1))" "$work/message" >&3
status=1
while read -r line <&4; do
  case $line in
    OK) status=0 && break ;;
    FAIL) break ;;
    PARTIAL) status=2 && break ;;
    *) echo "$line" ;;
  esac
done
echo DONE >&3
exit "$status"
