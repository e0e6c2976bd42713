#!/bin/sh
# A sensor and a heater to play with, for programs.toml: the load of this machine, and a few words.
# Arguments arrive as they were given, whatever is in them: quote them, and nothing can happen.
case "$1" in
load)
    read -r load rest </proc/loadavg
    echo "{\"load\": $load, \"node\": \"$LTN_NODE\"}"
    ;;
heat)
    if [ "$2" -gt 25 ]; then
        echo "$2 degrees are too hot for ${3:-a house}" >&2
        exit 1
    fi
    echo "heating ${3:-all rooms} to $2 degrees, as $LTN_CALLER wishes"
    ;;
*)
    echo "read-sensor.sh knows load and heat" >&2
    exit 2
    ;;
esac
