#!/bin/sh
# Grades a small batch on a real Slurm: one node, this machine, no systemd. Needs root and Debian's slurm-wlm
# and munge; without them it prints a note and succeeds, unless FAULTLAB_REQUIRE_EXECUTORS is set.
# Usage: slurm.sh GRADER SUBMISSIONS LAB
set -eu

grader=$1
submissions=$2
lab=$3

for tool in slurmctld slurmd sbatch squeue munged; do
    if ! command -v "$tool" >/dev/null || [ "$(id -u)" -ne 0 ]; then
        echo "slurm: skipped: it needs root, and the Debian packages slurm-wlm and munge"
        [ -z "${FAULTLAB_REQUIRE_EXECUTORS:-}" ]
        exit
    fi
done

# On a disk, not on a memory file system, because results are large.
folder=$(mktemp -d /var/tmp/faultlab-slurm-XXXXXX)
pids=
finish() {
    code=$?
    for pid in $pids; do kill "$pid" 2>/dev/null || true; done
    [ $code -eq 0 ] || tail -n 40 "$folder"/*.log >&2 || true
    for pid in $pids; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$folder"
    exit $code
}
trap finish EXIT

host=$(hostname -s)
mkdir -p "$folder/state" "$folder/spool" /run/munge
chown munge: /run/munge
chmod 755 "$folder"
if ! [ -s /etc/munge/munge.key ]; then
    dd if=/dev/urandom of=/etc/munge/munge.key bs=32 count=32 2>/dev/null
fi
chown munge: /etc/munge/munge.key
chmod 400 /etc/munge/munge.key
if ! munge -n 2>/dev/null | unmunge >/dev/null 2>&1; then
    # Unlike su, setpriv leaves no process between this shell and the daemon.
    setpriv --reuid=munge --regid=munge --clear-groups munged --foreground --force >"$folder/munged.log" 2>&1 &
    pids="$pids $!"
fi

cat >"$folder/slurm.conf" <<END
ClusterName=faultlab
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CryptoType=crypto/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=$folder/jobcomp.txt
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=2048
EnforcePartLimits=ALL
ReturnToService=2
SchedulerParameters=sched_min_interval=0,batch_sched_delay=0,sched_interval=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 RealMemory=8000 State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
END
export SLURM_CONF="$folder/slurm.conf"
slurmctld -D -c -f "$SLURM_CONF" >"$folder/slurmctld.out.log" 2>&1 &
pids="$pids $!"
slurmd -D -f "$SLURM_CONF" >"$folder/slurmd.out.log" 2>&1 &
slurmd=$!
pids="$pids $slurmd"
tries=0
until sinfo --noheader --format=%t 2>/dev/null | grep -q '^idle'; do
    tries=$((tries + 1))
    if [ $tries -gt 300 ]; then
        echo "slurm: the node does not start" >&2
        exit 1
    fi
    sleep 0.2
done

grade() {
    "$grader" "$lab" "$submissions" --out "$folder/results" --executor slurm --seeds 2 --jobs 2
}
# Grades the batch, then again with nothing to do, and again after a grading record was lost.
grade
count=$(find "$folder/results/.work" -name outcome.json | wc -l)
before=$(cat "$folder/results/summary.csv")
grade 2>&1 | grep -q ' 0 to grade'
rm "$(find "$folder/results/.work" -name outcome.json | sort | head -n 1)"
grade 2>&1 | grep -q ' 1 to grade'
after=$(cat "$folder/results/summary.csv")
[ "$before" = "$after" ]
# Grades the same batch on this machine without Slurm.
"$grader" "$lab" "$submissions" --out "$folder/local" --seeds 2 --jobs 2
[ "$before" = "$(cat "$folder/local/summary.csv")" ]

# A task is lost, then the grader with its whole job, then the node. Each time, the grader is run again with the same
# arguments.
lost="$folder/lost"
# The next steps kill what `start` has found, so it stops the judge, which could end in the meantime.
judges() { pgrep -f -- "--judge [0-9a-f]* --out $lost" || true; }
start() {
    "$grader" "$lab" "$submissions" --out "$lost" --executor slurm --seeds 20 --jobs 1 >"$folder/lost.log" 2>&1 &
    running=$!
    pids="$pids $running"
    tries=0
    until found=$(judges) && [ -n "$found" ] && echo "$found" | xargs kill -STOP 2>/dev/null; do
        tries=$((tries + 1))
        [ $tries -le 600 ] || { echo "slurm: no task starts" >&2; exit 1; }
        sleep 0.1
    done
}
start
judges | xargs kill -9
code=0
wait "$running" || code=$?
[ $code -eq 1 ] || { echo "slurm: exit code $code after a task was lost" >&2; exit 1; }
grep -q 'no grade: Slurm job [0-9]* ended without a result for it' "$folder/lost.log"
grep -q ',infrastructure-error,' "$lost/summary.csv"
! grep -q ',infrastructure-error,.*,0,' "$lost/summary.csv"

rm -rf "$lost"
start
kill -9 "$running"
wait "$running" 2>/dev/null || true
scancel --name=faultlab
tries=0
until [ -z "$(squeue --noheader)" ] && [ -z "$(judges)" ]; do
    tries=$((tries + 1))
    [ $tries -le 600 ] || { echo "slurm: the job does not end" >&2; exit 1; }
    sleep 0.1
done
start
# The node crashes during the task and comes back. Slurm requeues the task.
kill -9 "$slurmd"
judges | xargs -r kill -9
slurmd -D -f "$SLURM_CONF" >"$folder/slurmd.again.log" 2>&1 &
pids="$pids $!"
code=0
wait "$running" || code=$?
[ $code -le 1 ] || { cat "$folder/lost.log" >&2; exit 1; }
"$grader" "$lab" "$submissions" --out "$lost" --executor slurm --seeds 20 --jobs 2
"$grader" "$lab" "$submissions" --out "$folder/local" --seeds 20 --jobs 2
cmp "$lost/summary.csv" "$folder/local/summary.csv"
[ -z "$(judges)" ]
echo "slurm: $count submissions graded, resumed after losing grading records, a task, the grader and a node, with the \
same points as without Slurm"
