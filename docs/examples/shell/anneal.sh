#!/bin/sh
# "Trains" in plain shell arithmetic and prints name=value lines: mlops needs no Python in a program. Usage: anneal.sh [steps]
steps=${1:-10}
loss=1000
step=0
while [ "$step" -lt "$steps" ]; do
    loss=$((loss * 9 / 10))
    printf 'step=%d loss=0.%03d\n' "$step" "$loss"
    step=$((step + 1))
done
