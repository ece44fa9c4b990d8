"""Runs the compiled model where it is meant to run: firmware of ours on an emulated processor, or on this computer."""
