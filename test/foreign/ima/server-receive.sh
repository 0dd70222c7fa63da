#!/bin/sh
# server-receive PORT CERT KEY CA HANDLER...: serves one connection of another server and gives each of its messages to the handler. It
# believes whoever the authority vouches for, and leaves the recipients to the handler.
port=$1 cert=$2 key=$3 ca=$4
shift 4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkfifo "$work/replies"

converse() {
  while :; do
    : > "$work/message"
    while :; do
      IFS= read -r line || return
      [ "$line" = DONE ] && return
      printf '%s\n' "$line" >> "$work/message"
      case $line in
        size:*) size=${line#size: } ;;
        '') break ;;
      esac
    done
    echo ACCEPT
    read -r word || return
    if [ "$word" = CANCEL ]; then
      echo OK
      continue
    fi
    head -c "$size" >> "$work/message"
    "$@" < "$work/message"
    case $? in
      0) echo OK ;;
      2) echo PARTIAL ;;
      3) return ;;
      *) echo FAIL ;;
    esac
  done
}

openssl s_server -accept "127.0.0.1:$port" -naccept 1 -quiet -Verify 5 -verify_return_error -purpose sslserver \
  -cert "$cert" -key "$key" -CAfile "$ca" < "$work/replies" 2> /dev/null | converse "$@" > "$work/replies"
