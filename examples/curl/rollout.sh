#!/bin/sh
# A rollout with curl alone: shadow, A/B test, a treatment that raises false alarms, its rollback.
#
#   sh examples/curl/rollout.sh [KEY]
#
# TIDEGATE_SERVER names the daemon, TIDEGATE_TOKEN holds a token with the scope `admin` where it wants one.
# Nothing waits for a day to pass: the step from shadow to the A/B test is an operator's `advance`.
set -eu

server=${TIDEGATE_SERVER:-http://127.0.0.1:4780}
key=${1:-curl_door_v2}
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
umask 077
: > "$folder/headers"
# In a file, as every process of this machine may read the arguments of another.
if [ -n "${TIDEGATE_TOKEN:-}" ]; then
    printf 'authorization: Bearer %s\n' "$TIDEGATE_TOKEN" > "$folder/headers"
fi

# ask PATH [CURL OPTION]...: the answer's body; an error is shown, with what the daemon says of it, and ends the script.
ask() {
    path=$1
    shift
    : > "$folder/body"
    curl --silent --show-error --fail-with-body --max-time 30 --header "@$folder/headers" \
        --output "$folder/body" "$@" "$server$path" || {
        cat "$folder/body" >&2
        exit 1
    }
    cat "$folder/body"
}

act() {
    ask "/v1/experiments/$key/actions" --header 'content-type: application/json' \
        --data "{\"action\": \"$1\", \"reason\": \"$2\", \"actor\": \"rollout.sh\"$3}" > /dev/null
    echo "$1: now in $(phase)"
}

# A value of a text in an answer; enough for names, use a JSON parser for more.
phase() {
    ask "/v1/experiments/$key/status" | sed 's/.*"phase":"\([a-z_]*\)".*/\1/'
}

# Sends lines of JSON. A line that came before is answered `duplicate` and counts once: after a time-out, send again.
report() {
    ask /v1/observations --header 'content-type: application/x-ndjson' --data-binary @- > "$folder/answer"
    sed 's/,"results".*//; s/[{"]//g' "$folder/answer"
    echo
}

# "CAMERA VARIANT" for each of the 20 cameras, in one request.
assignments() {
    cameras=$(seq -f '"camera-%g"' -s , 20)
    ask "/v1/experiments/$key/assignments" --header 'content-type: application/json' \
        --data "{\"camera_ids\": [$cameras]}" |
        tr '{' '\n' | sed -n 's/"camera_id":"\([^"]*\)".*"variant":"\([^"]*\)".*"run":\([0-9]*\).*/\1 \2 \3/p'
}

# 1. Define the experiment, and start it: in shadow every camera is served the control.
ask "/v1/experiments/$key" --request PUT --header 'content-type: application/toml' --data-binary "
key = \"$key\"
control = \"v1_original\"
treatment = \"v2_calibrated\"
[guardrails]
min_samples = 50
" > /dev/null
act start "v2 halved the false alarms offline" ""

# 2. Shadow: both prompts ran on the same event, so one line tells both outcomes.
seq 400 | awk -v key="$key" '{
    printf "{\"type\": \"comparison\", \"experiment\": \"%s\", \"id\": \"shadow-%d\", ", key, $1
    printf "\"camera_id\": \"camera-%d\", \"control\": {\"latency_ms\": %d, \"score\": %d}, ", $1 % 20 + 1, 800 + $1 * 37 % 200, $1 * 13 % 101
    printf "\"treatment\": {\"latency_ms\": %d, \"score\": %d}}\n", 800 + $1 * 53 % 200, $1 * 17 % 101
}' | report

# 3. An operator opens the A/B test, and says where that leads and on what evidence; left alone, the shadow's gate does so after its 24 hours.
act advance "the comparisons look fine" ', "expected_phase": "ab", "accept": "inconclusive"'
assignments > "$folder/assignments"
echo "$(grep -c treatment "$folder/assignments") of 20 cameras get the treatment"

# 4. A/B: each camera runs what it was told to. People label the alerts; of the treatment's, more are false.
round=0
while [ "$(phase)" = ab ] && [ "$round" -lt 30 ]; do
    round=$((round + 1))
    awk -v key="$key" -v round="$round" '{
        for (event = 1; event <= 5; event++) {
            id = sprintf("ab-%d-%s-%d", round, $1, event)
            printf "{\"type\": \"analysis\", \"experiment\": \"%s\", \"id\": \"%s\", \"camera_id\": \"%s\", ", key, id, $1
            printf "\"variant\": \"%s\", \"run\": %d, \"latency_ms\": %d, \"score\": 80}\n", $2, $3, 800 + (round * 31 + event * 57) % 200
            false_alarm = (round + event + NR) % 10 < ($2 == "treatment" ? 7 : 3)
            printf "{\"type\": \"feedback\", \"experiment\": \"%s\", \"id\": \"%s\", ", key, id
            printf "\"label\": \"%s\"}\n", false_alarm ? "false_positive" : "correct"
        }
    }' "$folder/assignments" | report
done

# 5. Tidegate rolled back by itself: every camera is served the control again.
echo "now in $(phase)"
ask "/v1/experiments/$key/history" | tr '{' '\n' | sed -n 's/.*"reason":"\([^"]*\)".*/\1/p' | tail -n 1
assignments > "$folder/assignments"
echo "$(grep -c control "$folder/assignments") of 20 cameras get the control"
