"""One child's life: start, pty or console file, waiter, signals, shipping, verdict, adoption.

`run.run` tells the story.
"""
