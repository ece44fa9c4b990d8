"""Integer kernels for Cortex-M with the DSP extension: two products of 16 bits in one instruction."""
