"""What travels into the child: taps for parameters, files and models, and the record format they write.

Standard library only, Python 3.8 and later, imports nothing else of ours. In the child these same files are loaded by
path as the private package `_mlops_hook`, since its interpreter need not have us installed; so they import each other
relatively.
"""
