# Read by every bash of a program (BASH_ENV): tells which well-known command is not there. A misspelt one is not told.
command_not_found_handle() {
    case $1 in
    bc | column | curl | dc | gawk | git | jq | lua | node | openssl | perl | php | python | python3 | rev | ruby | sqlite3 | wget | xmllint | xxd)
        { printf 'ModuleNotFoundError.%s' "$1" >&3; } 2>/dev/null || printf %s "$1" >/tmp/.missing
        ;;
    esac
    printf 'bash: %s: command not found\n' "$1" >&2
    return 127
}
