# For the scripts beside it: a gateway whose simulated phones go on calling when they are told to, with its log on disk. Loopback only.
#   serve DEVICES CALLS_PER_SECOND [LINES OF CONFIGURATION]
# sets $gateway, $play and $pid, and $work, a folder that is removed at the end.
callcast=${CALLCAST:-target/release/callcast}
gateway=127.0.0.1:18092
play=127.0.0.1:18093
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT
# A socket for each client.
ulimit -n "$(ulimit -Hn)"

serve() {
    cat >"$work/callcast.toml" <<END
[api]
listen = "$gateway"
[log]
level = "error"
[journal]
directory = "$work/journal"
${3:-}
END
    $callcast load serve --config "$work/callcast.toml" --play $play --devices "$1" --calls-per-second "$2" >"$work/serve" &
    pid=$!
    until grep -q ^ready "$work/serve"; do kill -0 $pid && sleep 0.1; done
}
