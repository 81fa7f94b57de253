"""Which environment variables are worth keeping: an allow-list of names that change what a training does."""

from __future__ import annotations

from collections.abc import Collection, Mapping

NAMES = frozenset(
    {
        "CONDA_DEFAULT_ENV", "VIRTUAL_ENV", "LANG", "LC_ALL", "TZ", "HOSTNAME", "WORLD_SIZE", "RANK", "LOCAL_RANK",
        "LOCAL_WORLD_SIZE", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT", "LD_PRELOAD", "LD_LIBRARY_PATH", "PYTHONPATH",
        "PYTHONHASHSEED", "PYTHONOPTIMIZE", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "CUBLAS_WORKSPACE_CONFIG",
        "TOKENIZERS_PARALLELISM", "KERAS_BACKEND", "MALLOC_ARENA_MAX",
    }
)  # fmt: skip

PREFIXES = (
    "CUDA_", "NVIDIA_", "NCCL_", "GLOO_", "UCX_", "OMP_", "MKL_", "OPENBLAS_", "GOMP_", "KMP_", "NUMEXPR_", "TORCH",
    "PYTORCH_", "TF_", "XLA_", "JAX_", "HSA_", "HIP_", "ROCR_", "ROCM_", "SLURM_JOB", "SLURM_N", "SLURM_PROCID", "RAY_",
    "HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE", "ACCELERATE_", "DEEPSPEED_",
)  # fmt: skip


def select(environ: Mapping[str, str], also: Collection[str] = ()) -> dict[str, str]:
    """The allowed variables and those asked for, by name; secrets among them are scrubbed by the snapshot."""
    return {n: environ[n] for n in sorted(environ) if n in NAMES or n in also or n.startswith(PREFIXES)}
