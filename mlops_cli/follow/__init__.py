"""What a run leaves while it runs: TensorBoard files, metrics that it prints, model files.

Reads only; never imports a framework.
"""
