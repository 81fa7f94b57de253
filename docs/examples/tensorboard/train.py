"""Fit a parabola by gradient descent and write TensorBoard event files, nothing else. Knows nothing of mlops."""

import argparse

import numpy as np
from tensorboardX import SummaryWriter


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--logdir", default="tb")
    args = parser.parse_args()

    random = np.random.default_rng(0)
    x = random.uniform(-1, 1, 256)
    y = 3 * x**2 - 2 * x + 1 + random.normal(0, 0.1, x.size)
    features = np.stack([x**2, x, np.ones_like(x)])
    weights = np.zeros(3)
    with SummaryWriter(args.logdir) as writer:
        for step in range(args.steps):
            error = weights @ features - y
            weights -= args.lr * (features @ error) / x.size * 2
            writer.add_scalar("loss/train", float(np.mean(error**2)), step)
            writer.add_scalar("weights/norm", float(np.linalg.norm(weights)), step)
            if step % 25 == 0:
                writer.add_histogram("errors", error, step)
        writer.add_text("summary", f"weights: {weights.round(3).tolist()}", args.steps)


if __name__ == "__main__":
    main()
