"""The card's gate in numpy: which rule refuses a film, if any. The reference for any other implementation."""
import numpy as np


def measure(name, film, outputs):
    """film: (224,224) as the network gets it; outputs: name -> array of this one film."""
    if name == "pixel_mean":
        return float(film.astype(np.float64).mean())
    if name == "pixel_deviation":
        return float(film.astype(np.float64).std())
    if name.startswith("output:"):
        return float(outputs[name[len("output:"):]].ravel()[0])
    lungs = outputs["lungs"].reshape(outputs["lungs"].shape[-2:])
    cells = lungs >= 0.5
    if name == "lung_area":
        return float(cells.mean())
    if name == "lung_smaller_half":
        middle = cells.shape[1] // 2
        return float(min(cells[:, :middle].sum(), cells[:, middle:].sum()) / cells.size)
    if name == "lung_certainty":
        return float(lungs[cells].astype(np.float64).mean()) if cells.any() else 0.0
    raise ValueError(name)


def refused(card, film, outputs):
    """-> the reason of the first rule that the film does not keep, or None."""
    for rule in card["gate"]["rules"]:
        value = measure(rule["measure"], film, outputs)
        if value < rule.get("min", -np.inf) or value > rule.get("max", np.inf):
            return rule["reason"]
    return None
