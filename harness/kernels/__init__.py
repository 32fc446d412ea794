"""The arithmetic that models spend their time on, by the quickest exact way that this machine has."""

from harness.kernels.linear import KERNELS, fast_linear, linear_kernel

__all__ = ["KERNELS", "fast_linear", "linear_kernel"]
