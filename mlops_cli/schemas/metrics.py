"""What the name of a metric tells: its key in `last_metrics`, and whether less or more of it is better."""

from __future__ import annotations

import re
from functools import cache

_LESS = """
    loss losses err error errors perplexity ppl bpc bpb rmse mse mae mape smape rmsle nll ce wer cer per ter
    fid kid lpips divergence kl kld regret distance latency brier ece hausdorff hd eer fpr fnr far frr ade
    fde misses cost
"""
_MORE = """
    acc accuracy f1 fscore auc auroc auprc roc ap map precision recall bleu rouge meteor chrf iou miou dice
    psnr ssim score reward return returns r2 mcc kappa ndcg mrr hit hits em pass sensitivity specificity
    throughput speed tpr tnr correlation pearson spearman cider spice gain winrate
"""
LESS = frozenset(_LESS.split())
MORE = frozenset(_MORE.split())


@cache
def _word() -> re.Pattern[str]:
    return re.compile(r"[A-Z]+(?![a-z])[0-9]*|[A-Z]?[a-z]+[0-9]*")


def series_key(metric: str, variant: str) -> tuple[str, str]:
    """The two keys of a series in `last_metrics`: lower-case hex MD5, as the API says."""
    return name_key(metric), name_key(variant)


def name_key(name: str) -> str:
    from hashlib import md5  # noqa: PLC0415 - OpenSSL is loaded only where a metric is stored

    return md5(name.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def direction(metric: str, variant: str = "") -> str | None:
    """`min` where less is better, `max` where more is, None where the name does not say.

    The variant speaks first (`val`/`loss`), then the metric (`loss`/`val`). Within a name any loss or error
    wins over a score (`f1_loss` is a loss), else the last known word decides.
    """
    for name in (variant, metric):
        known = [word for word in _words(name) if word in LESS or word in MORE]
        if any(word in ("loss", "losses", "error", "errors", "err") for word in known):
            return "min"
        if known:
            return "min" if known[-1] in LESS else "max"
    return None


def _words(name: str) -> list[str]:
    found = [name.lower(), *(word.lower() for word in _word().findall(name))]
    return [form for word in found for form in (word, word.rstrip("0123456789"))]
