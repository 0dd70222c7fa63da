#!/bin/sh
# server-handle-incoming-mail MAILBOXES: the message on standard input goes to MAILBOXES/HOST/NAME/inbox of each of its readers who has one.
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/message"
stored=0 failed=0
for address in $(sed -n -e '/^$/q' -e 's/^to: //p' -e 's/^cc: //p' -e 's/^bcc: //p' "$work/message" | tr -d ,); do
  inbox=$1/${address#*@}/${address%@*}/inbox
  if [ -d "$inbox" ] && "$here/server-give-recipient.sh" "$inbox" "$work/message"; then
    stored=$((stored + 1))
    echo "OK $address"
  else
    failed=$((failed + 1))
    echo "FAIL $address"
  fi
done
[ "$stored" = 0 ] && exit 1
[ "$failed" = 0 ] && exit 0
exit 2
