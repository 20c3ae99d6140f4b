"""The gallery in two dimensions: images that the model holds alike lie side by side."""

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.figures.gallery_sample import GallerySample
from pipeline.figures.saved_figures import saved
from pipeline.lake import Lake

# Neighbours that t-SNE weighs, and those by which the map is judged.
PERPLEXITY, JUDGED_BY = 30, 10
# Fewer images make no map.
FEWEST = 20


def gallery_map(lake: Lake, sample: GallerySample) -> pd.DataFrame:
    """Return the place of each image of a sample, in its order.

    Columns: x, y (no units), and trustworthiness, the same in every row: of each image's ten
    nearest on the map, how far they are from being its nearest by the model, 1 at best, about .5 by
    chance (Venna & Kaski 2001; `sklearn.manifold.trustworthiness`). t-SNE (van der Maaten & Hinton
    2008) of the cosine distances, begun from the first two principal components and so the same
    each time. Without rows where there are fewer than 20 images.
    """
    if len(sample.vectors) < FEWEST:
        return pd.DataFrame({"x": [], "y": [], "trustworthiness": []})
    made_of = sample.made_of | {"perplexity": PERPLEXITY}
    return saved(lake, "gallery_map", made_of, lambda: _mapped(sample.vectors)).to_pandas()


def _mapped(vectors: np.ndarray) -> pa.Table:
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE, trustworthiness

    # Principal components of so many dimensions keep what t-SNE can show, at a part of the time.
    few = PCA(min(50, *vectors.shape), random_state=0).fit_transform(vectors)
    method = TSNE(
        2,
        perplexity=min(PERPLEXITY, (len(few) - 1) / 3),
        init="pca",
        random_state=0,
        n_jobs=-1,
    )
    places = method.fit_transform(few)
    near = min(JUDGED_BY, (len(few) - 1) // 2)
    trust = trustworthiness(vectors, places, n_neighbors=near)
    return pa.table(
        {"x": places[:, 0], "y": places[:, 1], "trustworthiness": np.full(len(places), trust)}
    )
