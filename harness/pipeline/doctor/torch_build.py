"""What torch can compute with here: devices, number formats, and the kernel of linear layers on the CPU."""

from collections.abc import Iterator

from harness.errors import InputError
from harness.kernels import linear_kernel
from harness.pipeline.doctor.check import Check


def torch_build() -> Iterator[Check]:
    """The build of torch, and each device that it finds."""
    import torch

    built = f"CUDA {torch.version.cuda}" if torch.version.cuda else "the CPU only"
    built = f"ROCm {torch.version.hip}" if torch.version.hip else built
    yield Check("torch", "torch", "fact", f"{torch.__version__}, built for {built}")
    yield Check("torch", "threads", "fact", f"{torch.get_num_threads()} for one operation")
    if torch.cuda.is_available():
        for place in range(torch.cuda.device_count()):
            yield Check("torch", f"cuda:{place}", "fine", _cuda(place))
    elif torch.version.cuda:
        remedy = "Where there should be one, look at its driver with nvidia-smi, and at CUDA_VISIBLE_DEVICES."
        yield Check("torch", "cuda", "fact", "no GPU is found", remedy)
    if torch.backends.mps.is_available():
        yield Check("torch", "mps", "fine", "the GPU of this Mac, by --device mps")
    try:
        yield Check("torch", "linear layers", "fact", f"on the CPU by {linear_kernel()}")
    except InputError as error:
        yield Check("torch", "linear layers", "wrong", str(error))


def _cuda(place: int) -> str:
    """Name, memory and generation of one CUDA device."""
    import torch

    about = torch.cuda.get_device_properties(place)
    free, total = torch.cuda.mem_get_info(place)
    formats = "bfloat16" if torch.cuda.is_bf16_supported() else "no bfloat16"
    return f"{about.name}, {free / 1e9:.1f} of {total / 1e9:.1f} GB free, {about.major}.{about.minor}, {formats}"
