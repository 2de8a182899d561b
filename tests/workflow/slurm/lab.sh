#!/usr/bin/env bash
# A real SLURM of one node for tests, without systemd and without accounting.
#   lab.sh install       SLURM, munge and the executor plugin, where they are missing
#   lab.sh start DIR     partition `gpu` (the default) with two pretended GPUs, partition `cpu`; all its files in DIR
#   lab.sh stop DIR      cancel all jobs and end what `start` started
set -euo pipefail

CONFIGURATION=/etc/slurm/slurm.conf # the executor plugin takes SLURM_CONF out of its jobs' environment

fail() { echo "lab.sh: $*" >&2 && exit 1; }

runs() { [ -s "$DIR/$1.pid" ] && [ "$(ps -o comm= -p "$(cat "$DIR/$1.pid")")" = "$1" ]; }

install() {
  if ! { command -v slurmctld && command -v slurmd && command -v munged; } >/dev/null; then
    [ "$(id -u)" = 0 ] || fail "SLURM is missing; as root: apt-get install --no-install-recommends slurm-wlm munge"
    command -v apt-get >/dev/null || fail "SLURM is missing and there is no apt-get; install slurm-wlm and munge"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurm-wlm munge >/dev/null
  fi
  cd "$(dirname "$0")/../../.."
  .venv/bin/python -c 'import snakemake_executor_plugin_slurm' 2>/dev/null ||
    .venv/bin/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt --editable '.[slurm]'
}

configure() {
  mkdir -p "$DIR"/{state,spool}
  # SLURM takes a GPU for one only if it is a character device; these are /dev/null by another name.
  for gpu in 0 1; do [ -c "$DIR/gpu$gpu" ] || mknod "$DIR/gpu$gpu" c 1 3; done
  [ -s "$DIR/munge.key" ] || (umask 077 && head -c 1024 /dev/urandom >"$DIR/munge.key")
  echo "NodeName=localhost Name=gpu Type=pretended File=$DIR/gpu[0-1]" >"$DIR/gres.conf"
  cat >"$DIR/slurm.conf" <<CONF
ClusterName=lab
SlurmctldHost=localhost
SlurmUser=root
SlurmdUser=root
SlurmctldPort=16917
SlurmdPort=16918
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$DIR/munge.socket,cred_expire=5 # as long does a requeued job wait
StateSaveLocation=$DIR/state
SlurmdSpoolDir=$DIR/spool
SlurmctldPidFile=$DIR/slurmctld.pid
SlurmdPidFile=$DIR/slurmd.pid
SlurmctldLogFile=$DIR/slurmctld.log
SlurmdLogFile=$DIR/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
MailProg=/bin/true
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ReturnToService=2
SlurmdParameters=config_overrides
KillWait=20
GresTypes=gpu
NodeName=localhost NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 CPUs=8 RealMemory=64000 Gres=gpu:pretended:2 State=UNKNOWN
PartitionName=gpu Nodes=localhost Default=YES DefaultTime=60 State=UP
PartitionName=cpu Nodes=localhost DefaultTime=60 State=UP
CONF
  [ ! -e "$CONFIGURATION" ] || [ -L "$CONFIGURATION" ] || fail "$CONFIGURATION is there: this machine belongs to a cluster"
  mkdir -p "$(dirname "$CONFIGURATION")"
  ln -sfn "$DIR/slurm.conf" "$CONFIGURATION"
}

start() {
  [ "$(id -u)" = 0 ] || fail "start needs root: it makes device files and $CONFIGURATION"
  configure
  munged --force --num-threads=2 --key-file="$DIR/munge.key" --socket="$DIR/munge.socket" \
    --pid-file="$DIR/munged.pid" --log-file="$DIR/munged.log" --seed-file="$DIR/munged.seed"
  slurmctld
  slurmd -N localhost
  for _ in $(seq 60); do
    sinfo --noheader --format=%T 2>/dev/null | grep -q idle && return
    sleep 0.5
  done
  fail "SLURM does not get ready; see the logs in $DIR"
}

stop() {
  runs slurmctld && squeue --noheader --format=%i | xargs --no-run-if-empty scancel
  for _ in $(seq 60); do
    [ -z "$(squeue --noheader 2>/dev/null)" ] && break
    sleep 0.5
  done
  for daemon in slurmd slurmctld munged; do
    if runs "$daemon"; then kill "$(cat "$DIR/$daemon.pid")"; fi
  done
  for _ in $(seq 60); do
    runs slurmd || runs slurmctld || runs munged || break
    sleep 0.5
  done
  [ "$(readlink "$CONFIGURATION")" != "$DIR/slurm.conf" ] || rm "$CONFIGURATION"
}

case ${1-} in
install) install ;;
start | stop)
  DIR=$(readlink -f "${2:?lab.sh $1: a folder is missing}")
  export SLURM_CONF=$DIR/slurm.conf
  "$1"
  ;;
*) fail "install, start DIR or stop DIR" ;;
esac
