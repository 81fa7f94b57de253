"""Train a linear classifier on the digits that ship with scikit-learn. Knows nothing of mlops."""

import argparse
import csv

import joblib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss
from sklearn.model_selection import train_test_split


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lr", type=float, default=0.01, help="learning rate")
    parser.add_argument("--alpha", type=float, default=1e-4, help="strength of the L2 penalty")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", default="digits.joblib", help="where the trained model goes")
    args = parser.parse_args()

    digits = load_digits()
    x_train, x_val, y_train, y_val = train_test_split(
        digits.data / 16.0, digits.target, test_size=0.25, random_state=args.seed, stratify=digits.target
    )
    classifier = SGDClassifier(
        loss="log_loss", learning_rate="constant", eta0=args.lr, alpha=args.alpha, random_state=args.seed
    )
    shuffle = np.random.default_rng(args.seed)
    for epoch in range(args.epochs):
        order = shuffle.permutation(len(x_train))
        for start in range(0, len(order), args.batch_size):
            batch = order[start : start + args.batch_size]
            classifier.partial_fit(x_train[batch], y_train[batch], classes=np.unique(digits.target))
        train_loss = log_loss(y_train, classifier.predict_proba(x_train), labels=classifier.classes_)
        val_loss = log_loss(y_val, classifier.predict_proba(x_val), labels=classifier.classes_)
        val_acc = accuracy_score(y_val, classifier.predict(x_val))
        print(f"epoch={epoch} train/loss={train_loss:.4f} val/loss={val_loss:.4f} val/acc={val_acc:.4f}", flush=True)

    matrix = confusion_matrix(y_val, classifier.predict(x_val))
    with open("confusion.csv", "w", newline="") as file:
        csv.writer(file).writerows(matrix.tolist())
    print("confusion matrix (rows: true, columns: predicted)")
    print("\n".join(" ".join(f"{count:3d}" for count in row) for row in matrix))
    joblib.dump(classifier, args.model)


if __name__ == "__main__":
    main()
