#!/bin/sh
# server-post-office PORT CERT KEY PASSWORD MAILBOX: serves one connection of the owner of the mailbox, who may look and fetch.
port=$1 cert=$2 key=$3 password=$4 mailbox=$5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkfifo "$work/replies"

whole() {
  cat "$1/headers"
  echo
  for part in $(cd "$1" && ls | grep '^[0-9]' | sort -n); do cat "$1/$part"; done
}

converse() {
  read -r word way _ secret || return
  [ "$word $way $secret" = "AUTH PASS $(printf %s "$password" | base64)" ] || return
  echo OK
  while read -r word folder which; do
    messages=$mailbox/$folder/msg
    case $word in
      BOXES)
        for messages in "$mailbox"/*/msg; do
          count=$(ls "$messages" | wc -l)
          echo "BOX $(basename "${messages%/msg}") $count $count $count"
        done
        echo OK
        ;;
      SYNC)
        for id in $(ls "$messages" | tail -n "+$((which + 1))"); do
          echo "MSG $id $(whole "$messages/$id" | wc -c) 1 -"
        done
        echo "OK $(ls "$messages" | wc -l)"
        ;;
      FETCH)
        echo "DATA $(whole "$messages/$which" | wc -c)"
        whole "$messages/$which"
        echo OK
        ;;
      DONE)
        echo OK
        return
        ;;
      *) echo 'FAIL NOTIMPL' ;;
    esac
  done
}

openssl s_server -accept "127.0.0.1:$port" -naccept 1 -quiet -cert "$cert" -key "$key" < "$work/replies" 2> /dev/null |
  converse > "$work/replies"
