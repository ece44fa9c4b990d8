"""Float kernels for processors with 32 scalar registers and one multiply-add at a time (Cortex-M4F and its kin).

A tile of results stays in registers while the reduction runs: each weight and each input element is loaded once for
several multiply-adds. Padding is handled by the bounds of the loops, never inside them.
"""
