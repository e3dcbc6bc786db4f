# Loads a solution, calls its function, and speaks the lines of `pipeline.sandbox.inside.foreign`, in words.
pairsmith_entry=$1
IFS=' ' read -r -u 3 pairsmith_nonce pairsmith_n
if ! /bin/bash -n /tmp/solution.sh; then
    printf '%s RSyntaxError\0' "$pairsmith_nonce" >&4
    exit 0
fi
shift
source /tmp/solution.sh 3<&- 4>&-
case $- in *e*) pairsmith_e=1 ;; *) pairsmith_e= ;; esac
case $- in *u*) pairsmith_u=1 ;; *) pairsmith_u= ;; esac
set +eu
if [ "$(type -t "$pairsmith_entry")" != function ]; then
    printf '%s M\0' "$pairsmith_nonce" >&4
    exit 0
fi
printf '%s L\0' "$pairsmith_nonce" >&4
while IFS=' ' read -r -u 3 pairsmith_nonce pairsmith_n; do
    pairsmith_words=()
    for ((pairsmith_i = 0; pairsmith_i < pairsmith_n; pairsmith_i++)); do
        IFS= read -r -d '' -u 3 pairsmith_word
        pairsmith_words+=("$pairsmith_word")
    done
    (
        exec 3<&- 4>&-
        [ -n "$pairsmith_u" ] && set -u
        [ -n "$pairsmith_e" ] && set -e
        "$pairsmith_entry" "${pairsmith_words[@]}"
    ) >/tmp/.answer 2>/tmp/.errors
    pairsmith_status=$?
    cat /tmp/.errors >&2
    [ "$pairsmith_status" -eq 152 ] && kill -XCPU $$ # the call ran out of CPU time: so has the program
    if [ -s /tmp/.missing ]; then
        printf '%s RModuleNotFoundError.%s\0' "$pairsmith_nonce" "$(tr -d '\0' </tmp/.missing)" >&4
    elif [ "$pairsmith_status" -eq 2 ] && grep -q 'alloc: cannot allocate [0-9]* bytes' /tmp/.errors; then
        printf '%s RMemoryError\0' "$pairsmith_nonce" >&4
    elif [ "$pairsmith_status" -ne 0 ]; then
        printf '%s RExitStatus%d\0' "$pairsmith_nonce" "$pairsmith_status" >&4
    elif [ "$pairsmith_entry" = pairsmith_tests ]; then
        if [ "$(cat /tmp/.passed 2>/dev/null)" = "$pairsmith_nonce" ]; then
            printf '%s P\0' "$pairsmith_nonce" >&4
        else
            printf '%s RSystemExit\0' "$pairsmith_nonce" >&4
        fi
    else
        { printf '%s V' "$pairsmith_nonce"; tr -d '\0' </tmp/.answer; printf '\0'; } >&4
    fi
done
exit 0
