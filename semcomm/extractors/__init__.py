"""The frozen networks behind hop 1: captioners and segmenters, published, adapted and small."""
