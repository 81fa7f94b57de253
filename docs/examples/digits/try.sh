#!/bin/sh
# Train the digits classifier twice under `mlops run`, changing nothing but the learning rate, and compare.
set -e
cd "$(dirname "$0")"
PATH="$(cd ../../.. && pwd)/.venv/bin:$PATH"
export PATH
mlops run train.py --lr 0.001
mlops run train.py --lr 0.05
mlops diff @-1 @latest
