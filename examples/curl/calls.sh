#!/usr/bin/env bash
# Handshake by curl alone: submit a payment, wait while a person decides, claim its grant, report what came of it.
# HANDSHAKE_URL, AWS_REGION and AWS credentials (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN) say where
# and as whom; curl 7.75 signs by itself. It needs no jq. Exit codes: 0 done, 3 not allowed, 1 everything else.
set -euo pipefail

: "${HANDSHAKE_URL:?where Handshake is}" "${AWS_REGION:?}" "${AWS_ACCESS_KEY_ID:?}" "${AWS_SECRET_ACCESS_KEY:?}"
request_id="${REQUEST_ID:-curl-$(date +%s)-$$}"
amount="${AMOUNT:-40}"
agent='{"principalId":"curl-agent","subjectType":"agent","tenantId":"acme"}'

# The credentials come by a file descriptor: arguments are there for everybody on the machine to read.
call() { # METHOD PATH [BODY] [HEADER...]
  local method=$1 path=$2 body=${3-}
  shift $(($# < 3 ? $# : 3))
  local headers=()
  for header in "$@"; do headers+=(--header "$header"); done
  [[ -z ${AWS_SESSION_TOKEN-} ]] || headers+=(--header "x-amz-security-token: $AWS_SESSION_TOKEN")
  [[ -z $body ]] || headers+=(--header 'content-type: application/json' --data-binary "$body")
  curl --silent --show-error --max-time 30 --request "$method" "${headers[@]}" \
    --aws-sigv4 "aws:amz:$AWS_REGION:execute-api" \
    --config <(printf 'user = "%s:%s"\n' "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY") \
    "${HANDSHAKE_URL%/}$path"
}

member() { # NAME: the text of a member of the JSON object that is read
  sed -nE "s/.*\"$1\": ?\"([^\"]*)\".*/\1/p" | head -n 1
}

submission() {
  printf '{"requestId":"%s","principalId":"curl-user","agentId":"curl-agent","tenantId":"acme",' "$request_id"
  printf '"actionType":"payment","payloadRef":"invoice:%s","timestamp":%s000,' "$request_id" "$(date +%s)"
  printf '"action":{"operation":"bank.transfer","arguments":{"payee":"ACME GmbH","amount":%s,"currency":"EUR"}}}' "$amount"
}

# Submitting it again with a fresh timestamp answers how it stands.
deadline=$(($(date +%s) + ${WAIT_S:-300}))
while :; do
  decided=$(call POST /workflow/requests "$(submission)" "x-identity-envelope: $agent")
  state=$(member state <<<"$decided")
  echo "$request_id: ${state:-$decided}"
  [[ $state == escalated_pending && $(date +%s) -lt $deadline ]] || break
  sleep 2
done
case $state in
  allowed_terminal | escalated_approved_terminal) ;;
  *) exit 3 ;;
esac

# With a key, a claim whose answer was lost can be made again.
claim=$(printf '{"requestId":"%s","actionDigest":"%s"}' "$request_id" "$(member actionDigest <<<"$decided")")
granted=$(call POST /workflow/grants "$claim" "x-identity-envelope: $agent" "x-idempotency-key: claim-$request_id")
grant_id=$(member grantId <<<"$granted")
[[ -n $grant_id ]] || { echo "no grant: $granted" >&2 && exit 1; }

echo "claimed $grant_id; here the payment would be made, with that as its idempotency key"
reported=$(call POST "/workflow/grants/$grant_id/outcome" '{"status":"succeeded"}' "x-identity-envelope: $agent")
echo "reported: $(member outcome <<<"$reported")"
