"""N-pair losses in a multi-label form."""

import math

import torch
from torch import nn
from torch.nn import functional

from training.label_similarity import LabelSimilarity
from training.losses.unit_embeddings import check_batch, cosines


class NPairLoss(nn.Module):
    """N-pair loss of a batch, multi-class (mc) or one-vs-one (ovo).

    Sohn 2016 («Improved deep metric learning with multi-class N-pair loss objective»), for one
    positive and N − 1 negatives an anchor, with s the score of two exams:

        mc:   L_i = log(1 + Σ_n exp(s_in − s_ip))
        ovo:  L_i = Σ_n log(1 + exp(s_in − s_ip))

    mc is the cross-entropy of softmax(s) against the positive; both agree at N = 2, else ovo ≥ mc.

    Multi-label form. *Public implementation* (TensorFlow Addons, `npairs_multilabel_loss`): the
    mc cross-entropy against all positives at once, weighted by label overlap divided by the
    anchor's sum. *Our reading*: overlap is the label similarity J (normals have similarity 1 to
    each other, so a row of a normal exam is not 0/0); anchors and positives come from the same
    batch and an exam is not its own pair; each positive is contrasted with the negatives alone,
    as in Sohn, not with the other positives:

        mc:   L_i = Σ_p (J_ip / Σ_p' J_ip') · log(1 + Σ_{n ∈ N_i} exp(s_in − s_ip))
        ovo:  L_i = Σ_p (J_ip / Σ_p' J_ip') · Σ_{n ∈ N_i} log(1 + exp(s_in − s_ip))

    Scores are cosines over a temperature (ours; Sohn's are inner products of free length held
    down by an L2 penalty, here `penalty` times the mean squared length). The ovo sum is taken over
    the anchor's positive of mean score, s_i = Σ_p J_ip·s_ip / Σ_p J_ip, so that no
    (b, b, b) tensor arises; with one positive an anchor it is Sohn's.

    Parameters
    ----------
    labels
        What makes two exams similar; `LabelSimilarity()` when None.
    one_vs_one
        Take the sum of logs instead of the log of the sum.
    temperature
        Of the cosines, above 0.
    penalty
        Weight of the mean squared length of the embeddings before they are brought to unit length.
    """

    def __init__(
        self,
        labels: LabelSimilarity | None = None,
        one_vs_one: bool = False,
        temperature: float = 0.3,
        penalty: float = 0.0,
    ) -> None:
        super().__init__()
        if not temperature > 0:
            raise ValueError(f"temperature must be above 0: {temperature}")
        self.labels = labels or LabelSimilarity()
        self.one_vs_one = one_vs_one
        self.temperature = temperature
        self.penalty = penalty

    def forward(
        self, embeddings: torch.Tensor, targets: torch.Tensor, normal: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the loss of a batch as a scalar; arguments as in `ML2Loss.forward`."""
        check_batch(embeddings, targets)
        scores = cosines(embeddings) / self.temperature
        length = embeddings.float().square().sum(dim=1).mean() * self.penalty
        with torch.no_grad():
            pairs = self.labels(targets, normal)
            shares = pairs.similarity * pairs.weight * pairs.positives()
            negative = pairs.negatives()
            anchors = shares.any(dim=1) & negative.any(dim=1)
            shares = shares / shares.sum(dim=1, keepdim=True).clamp(min=1e-6)
        if not bool(anchors.any()):
            return scores.sum() * 0.0 + length
        if self.one_vs_one:
            positive = (shares * scores).sum(dim=1, keepdim=True)
            terms = functional.softplus(scores - positive) * (negative * pairs.weight)
            return terms.sum(dim=1)[anchors].mean() + length
        lost = scores + pairs.weight.clamp(min=1e-6).log()
        lost = lost.masked_fill(~negative, -math.inf).masked_fill(~anchors[:, None], 0.0)
        terms = functional.softplus(torch.logsumexp(lost, dim=1, keepdim=True) - scores)
        return (terms * shares).sum(dim=1)[anchors].mean() + length

    def extra_repr(self) -> str:
        """Show the settings in the module's representation."""
        return f"one_vs_one={self.one_vs_one}, temperature={self.temperature}"
