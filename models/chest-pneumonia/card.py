"""What is said of the model: the members of card.json that are not measured, and which go into the ONNX file too."""

LICENCE = "Apache-2.0 for weights and code; the attribution of the films in NOTICE.md (CC BY 4.0, CC BY 3.0, NIH) " \
          "goes with them"

CARD = {
    "format": 1,
    "name": "chest-pneumonia",
    "version": "1.0.0",
    "title": "Pneumonia on frontal chest films",
    "task": "classification",
    "file": "model.onnx",
    "sha256": "",
    "bytes": 0,
    "opset": 17,
    "input": {
        "name": "film", "layout": "NCHW", "type": "float32", "size": [224, 224], "colour": "gray", "fit": "squash",
        "resample": "area", "range": [0, 1], "normalisation": {"mean": [0], "std": [1]}, "window": "default",
        "bone": "bright", "preprocessing": "squash-area-1",
    },
    "outputs": [
        {"name": "probability", "role": "probability", "activation": "none"},
        {"name": "lungs", "role": "mask", "of": "lung", "threshold": 0.5},
        {"name": "evidence", "role": "evidence", "label": "pneumonia"},
        {"name": "frontal", "role": "gate"},
    ],
    "labels": [{
        "code": {"scheme": "SCT", "value": "233604007", "meaning": "Pneumonia"},
        "also": [{"scheme": "RADLEX", "value": "RID5350", "meaning": "pneumonia"}],
        "label": "pneumonia", "threshold": 0.5,
    }],
    "modality": ["CR", "DX", "DR", "XR"],
    "body_part": ["CHEST", "THORAX", "LUNG"],
    "view": ["AP", "PA"],
    "age": "children of 1 to 5 years and adults; few films of other children",
    "age_years": {"min": 1},  # no infant is known to be among its films
    "intended_use": "Research and demonstration only. Not for diagnosis: it is no medical device, and nobody's "
                    "treatment may depend on it. It gives a probability of pneumonia for one frontal chest film and "
                    "shows where in the lungs the network found its evidence; that is not where a lesion is.",
    "gate": {"rules": [
        {"measure": "pixel_deviation", "min": 0.06, "reason": "no_contrast",
         "text": "The picture is nearly of one grey."},
        {"measure": "output:frontal", "min": 0.5, "reason": "not_frontal_chest",
         "text": "The picture does not look like an upright frontal chest film with bright bones."},
        {"measure": "lung_area", "min": 0.14, "max": 0.6, "reason": "no_lungs",
         "text": "No lung fields of a plausible size were found."},
        {"measure": "lung_smaller_half", "min": 0.04, "reason": "one_lung",
         "text": "Lung was found on one side of the picture only."},
        {"measure": "lung_certainty", "min": 0.72, "reason": "unclear_lungs",
         "text": "The outlines of the lungs are unclear."},
    ]},
    "training_data": [
        {"source": "Kermany, Zhang, Goldbaum (2018), Mendeley Data V2, doi:10.17632/rscbjbr9sj.2",
         "who": "children of 1 to 5 years, Guangzhou, AP", "normal": 1093, "pneumonia": 3098, "licence": "CC BY 4.0"},
        {"source": "NIH Clinical Center, ChestX-ray8/14, https://nihcc.app.box.com/v/ChestXray-NIHCC (Wang et al., "
                   "CVPR 2017)",
         "who": "mostly adults, AP and PA", "normal": 387, "pneumonia": 321,
         "licence": "no restriction on use; link, citation and acknowledgement"},
        {"source": "Winther et al., COVID-19 Image Repository, Hannover Medical School, "
                   "doi:10.6084/m9.figshare.12275009",
         "who": "adults with COVID-19, AP and PA", "lung_outlines_only": 77, "licence": "CC BY 3.0"},
        {"source": "V7 Labs and CloudFactory, COVID-19 X-ray dataset, github.com/v7labs/covid-19-xray-dataset",
         "who": "lung outlines of films of Kermany and Hannover", "licence": "CC BY 4.0"},
    ],
    "licence": LICENCE,
}

PROPERTIES = ("name", "version", "title", "task", "input", "outputs", "labels", "modality", "body_part", "view", "age",
              "intended_use", "gate", "training_data", "licence")
