#!/bin/bash
# token.sh - make token USER=name: prints a JWT for this environment's gateway and nothing else.
#
# The subject is the name verbatim; the token is valid for 30 days; HS256 with .run/jwt.key.
# The HMAC is made of two SHA-256 sums, since openssl takes a key only as an argument, where every
# user of the machine could read it.
set -eu
here=$(dirname "$0")
# shellcheck source=docker/dev/lib.sh
. "$here/lib.sh"
# shellcheck source=docker/dev/state.sh
. "$here/state.sh"

base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

# The name as a JSON string.
json_string() {
	local text=$1 i char
	printf '"'
	for ((i = 0; i < ${#text}; i++)); do
		char=${text:i:1}
		case $char in
		'"' | \\) printf '\\%s' "$char" ;;
		[[:cntrl:]]) printf '\\u%04x' "'$char" ;;
		*) printf '%s' "$char" ;;
		esac
	done
	printf '"'
}

# The key, padded to a block of 64 bytes, with every byte XORed with $1.
pad() {
	local key i byte
	key=$(cat "$STATE/jwt.key")
	for ((i = 0; i < 64; i++)); do
		byte=0
		[ "$i" -ge ${#key} ] || printf -v byte '%d' "'${key:i:1}"
		# shellcheck disable=SC2059
		printf "\\x$(printf '%02x' $((byte ^ $1)))"
	done
}

hmac_sha256() {
	{ pad $((0x5c)) && { pad $((0x36)) && printf '%s' "$1"; } | openssl dgst -sha256 -binary; } |
		openssl dgst -sha256 -binary
}

# make hands USER down whether it was said on its command line or came from the login
if [ $# -gt 0 ]; then
	subject=$1
elif [ "${AGENDA_USER_ORIGIN:-}" = "command line" ]; then
	subject=$AGENDA_SUBJECT
else
	subject=demo
	say "token for user \"demo\"; another one: make token USER=name"
fi
[ -n "$subject" ] || die "the name is empty"
need_state
[ -r "$STATE/jwt.key" ] || die "there is no readable key; \"make run\" makes it"

now=$(date +%s)
claims=$(printf '{"sub":%s,"iat":%d,"exp":%d}' "$(json_string "$subject")" "$now" \
	$((now + 30 * 86400)))
signed=$(printf '{"alg":"HS256","typ":"JWT"}' | base64url).$(printf '%s' "$claims" | base64url)
printf '%s.%s\n' "$signed" "$(hmac_sha256 "$signed" | base64url)"
