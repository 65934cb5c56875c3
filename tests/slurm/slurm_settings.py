"""slurm.conf and gres.conf of a Slurm of one machine, without systemd, cgroups or accounting."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

# Slurm's programs look here unless SLURM_CONF is set, which the executor removes inside jobs.
SYSTEM_FOLDER = Path("/etc/slurm")
LINKED = ("slurm.conf", "gres.conf")
FOLDER_PREFIX = "ddpm-slurm-tests-"
PARTITION, GPU_TYPE = "all", "made_up"
# Jobs of this partition take the machine from those of the other, which are queued again.
URGENT = "urgent"
CORES, MEMORY_MB = 64, 1_000_000
# Slurm wants a file for each GPU; these exist everywhere and nothing is read from them.
GPU_FILES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty")


def write_settings(folder: Path, controller_port: int, daemon_port: int) -> None:
    """Writes both files; more cores and memory than the machine has let jobs ask for what real ones do."""
    host = socket.gethostname().split(".")[0]
    settings = {
        "ClusterName": "tests",
        "SlurmctldHost": f"{host}(127.0.0.1)",
        "SlurmUser": "root",
        "SlurmdUser": "root",
        "SlurmctldPort": controller_port,
        "SlurmdPort": daemon_port,
        "AuthType": "auth/munge",
        # Credentials that expire soon let a requeued job start again soon.
        "AuthInfo": f"socket={folder / 'munge' / 'socket'},cred_expire=5",
        "StateSaveLocation": folder / "state",
        "SlurmdSpoolDir": folder / "spool",
        "SlurmctldPidFile": folder / "state" / "slurmctld.pid",
        "SlurmdPidFile": folder / "state" / "slurmd.pid",
        "SlurmctldLogFile": folder / "log" / "slurmctld.log",
        "SlurmdLogFile": folder / "log" / "slurmd.log",
        "CommunicationParameters": "NoCtldInAddrAny,NoInAddrAny",
        "ProctrackType": "proctrack/linuxproc",
        "TaskPlugin": "task/none",
        "MpiDefault": "none",
        "SwitchType": "switch/none",
        "ReturnToService": 2,
        "SelectType": "select/cons_tres",
        "SelectTypeParameters": "CR_Core_Memory",
        "SchedulerType": "sched/backfill",
        "SchedulerParameters": "sched_min_interval=0,batch_sched_delay=0,bf_interval=5",
        "SlurmdParameters": "config_overrides",
        "MinJobAge": 3600,  # tests look at jobs that ended long ago
        "KillWait": 10,
        "InactiveLimit": 0,
        "GresTypes": "gpu",
        "PreemptType": "preempt/partition_prio",
        "PreemptMode": "REQUEUE",
        "AccountingStorageType": "accounting_storage/none",
        "JobAcctGatherType": "jobacct_gather/none",
    }
    node = f"NodeName={host} NodeAddr=127.0.0.1 CPUs={CORES} RealMemory={MEMORY_MB}"
    lines = [f"{key}={value}" for key, value in settings.items()]
    lines += [
        f"{node} Gres=gpu:{GPU_TYPE}:{len(GPU_FILES)} State=UNKNOWN",
        f"PartitionName={PARTITION} Nodes={host} Default=YES MaxTime=INFINITE DefaultTime=1 State=UP",
        f"PartitionName={URGENT} Nodes={host} MaxTime=INFINITE PriorityTier=9 PreemptMode=OFF State=UP",
    ]
    (folder / "slurm.conf").write_text("\n".join(lines) + "\n")
    gpus = [f"NodeName={host} Name=gpu Type={GPU_TYPE} File={file}" for file in GPU_FILES]
    (folder / "gres.conf").write_text("\n".join(["AutoDetect=off", *gpus]) + "\n")


def free_ports(number: int) -> list[int]:
    """Ports of 127.0.0.1 that nothing listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def remove_stale_links() -> None:
    """Removes links of earlier tests that were killed together with what looks after them."""
    for name in LINKED:
        link = SYSTEM_FOLDER / name
        if link.is_symlink() and link.readlink().parent.name.startswith(FOLDER_PREFIX):
            link.unlink()


def foreign_settings() -> list[str]:
    """Files of a Slurm of this machine's own, which tests must not replace."""
    return [str(SYSTEM_FOLDER / name) for name in LINKED if os.path.lexists(SYSTEM_FOLDER / name)]
