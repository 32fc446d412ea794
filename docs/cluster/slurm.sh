#!/bin/bash
#SBATCH --job-name=harness
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=32
#SBATCH --gpus-per-node=8
#SBATCH --time=08:00:00
#SBATCH --signal=INT@120

# The folder that the job is submitted from, the environment and HARNESS_CACHE lie on a disk that all nodes share.
set -euo pipefail
export HARNESS_CACHE="${HARNESS_CACHE:-$SLURM_SUBMIT_DIR/cache}"
export RAY_AUTH_MODE=token # with the token of `ray get-auth-token --generate`, once, in the shared home
export RAY_USAGE_STATS_ENABLED=0

nodes=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
head=${nodes%%$'\n'*}
port=$((20000 + SLURM_JOB_ID % 20000)) # two jobs on one node don't meet

srun ray symmetric-run --address "$head:$port" --min-nodes "$SLURM_NNODES" \
  --num-cpus "$SLURM_CPUS_PER_TASK" --num-gpus "$SLURM_GPUS_ON_NODE" -- \
  harness compare my-suite --model Qwen/Qwen2.5-0.5B-Instruct --seeds 5 \
  --executor ray --address auto --device cuda --threads 4 --out runs/my-suite
