# The keeper of one container: starts its command, waits for it, writes down how it ended.
#
# Run by dash as `dash keeper.sh GO DIRECTORY PLAIN ALL ENV COMMAND…`, as the leader of a session of its own. It
# outlives the agent, so that the next one can learn the exit code and read on. Everything comes as arguments,
# variables and descriptors; nothing that somebody wrote is ever evaluated: the two `eval`s see numbers only. Kept
# small on purpose: one of these runs per container. See keeper.py and docs/decisions/0013.
#
# GO         the FIFO to wait at after the command's end until an agent reads; "": there is no output
# DIRECTORY  where the command is started
# PLAIN, ALL numbers: its environment is in WINDLASS_KEEPER_1 … _ALL as NAME=VALUE; from PLAIN + 1 on the names
#            are such that a shell cannot export them, and are set by the program ENV
# stdin      the state file, open for reading and writing and locked: the lock lives as long as the keeper
# stdout, stderr  the command's. Pipes are open for reading too: no agent's end closes them, full they make the
#            command wait

WINDLASS_KEEPER_go=$1 WINDLASS_KEEPER_directory=$2 WINDLASS_KEEPER_plain=$3 WINDLASS_KEEPER_all=$4
WINDLASS_KEEPER_env=$5
shift 5

# dash says "Killed" when a command was: not into the command's output.
exec 3>&0 4>&2 2>/dev/null
echo "$$" >&3

# A command may signal its whole group ("kill 0"), which is ours too. Caught, not ignored: the command inherits
# what is ignored.
trap : HUP INT QUIT TERM USR1 USR2 ALRM PIPE

# From here on only builtins and the command itself are run, so that its variables may become ours.
cd -- "$WINDLASS_KEEPER_directory" || exit 125
unset PWD OLDPWD SHLVL WINDLASS_KEEPER
while [ "$WINDLASS_KEEPER_all" -gt "$WINDLASS_KEEPER_plain" ]; do
    eval "set -- \"\$WINDLASS_KEEPER_$WINDLASS_KEEPER_all\" \"\$@\""
    unset "WINDLASS_KEEPER_$WINDLASS_KEEPER_all"
    WINDLASS_KEEPER_all=$((WINDLASS_KEEPER_all - 1))
done
[ "$WINDLASS_KEEPER_env" ] && set -- "$WINDLASS_KEEPER_env" -- "$@"
while [ "$WINDLASS_KEEPER_plain" -gt 0 ]; do
    eval "export \"\$WINDLASS_KEEPER_$WINDLASS_KEEPER_plain\""
    unset "WINDLASS_KEEPER_$WINDLASS_KEEPER_plain"
    WINDLASS_KEEPER_plain=$((WINDLASS_KEEPER_plain - 1))
done

(exec "$@" </dev/null 2>&4 3>&- 4>&-)

# One write of one line: a reader takes it for complete when it sees the newline.
echo "$?" >&3

# Output that nobody has read yet lives as long as we do. This waits while no agent has the FIFO open for reading.
[ "$WINDLASS_KEEPER_go" ] && : >"$WINDLASS_KEEPER_go"

# What stayed in the group ends with the command, and so do we.
kill -KILL 0
