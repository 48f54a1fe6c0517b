"""Makes tests/data/models/*.onnx: models so small that one can say by hand what they answer, and models that do harm.

Needs `onnx` (PyPI), which the tests themselves do not: python tests/data/make_models.py
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FOLDER = Path(__file__).parent / "models"
FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


def put(name, shape, kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def constant(name, value, kind=np.float32):
    return numpy_helper.from_array(np.array(value, kind), name)


def save(name, nodes, inputs, outputs, constants=(), properties=None, domains=()):
    graph = helper.make_graph(nodes, name, inputs, outputs, list(constants))
    model = helper.make_model(graph, producer_name="roentgen-tests", ir_version=8,
                              opset_imports=[helper.make_opsetid("", 17),
                                             *(helper.make_opsetid(d, 1) for d in domains)])
    if properties:
        helper.set_model_props(model, properties)
    (FOLDER / f"{name}.onnx").write_bytes(model.SerializeToString())


def brightness():
    """Probability 0 is the picture's mean, 1 is what is missing to one; evidence is the picture, at a quarter."""
    save("brightness",
         [helper.make_node("ReduceMean", ["image"], ["mean"], axes=[1, 2, 3], keepdims=0),
          helper.make_node("Unsqueeze", ["mean", "last"], ["bright"]),
          helper.make_node("Sub", ["one", "bright"], ["dark"]),
          helper.make_node("Concat", ["bright", "dark"], ["probability"], axis=1),
          helper.make_node("AveragePool", ["image"], ["evidence"], kernel_shape=[2, 2], strides=[2, 2])],
         [put("image", ["batch", 1, 8, 8])],
         [put("probability", ["batch", 2]), put("evidence", ["batch", 1, 4, 4])],
         [constant("last", [1], np.int64), constant("one", 1)],
         {"labels": '["bright", "dark"]', "name": "brightness", "version": "1.0"})


def pelvis():
    """Key points of a lateral pelvis, wherever one looks: both ends of the sacral endplate, both femoral heads.
    What the picture holds counts for nothing."""
    one = [32, 32, 40, 40, 0.9, 20, 16, 0.9, 32, 24, 0.8, 34, 46, 0.95, 38, 46, 0.7]
    unsure = [*one[:4], 0.2, *([1, 1, 0.1] * 4)]
    save("pelvis",
         [helper.make_node("ReduceMean", ["image"], ["mean"], axes=[0, 1, 2, 3], keepdims=0),
          helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
          helper.make_node("Add", ["found", "nothing"], ["points"])],
         [put("image", [1, 1, 64, 64])], [put("points", [1, 2, 17])],
         [constant("zero", 0), constant("found", [[unsure, one]])])


def any_size():
    save("any_size", [helper.make_node("ReduceMean", ["image"], ["mean"], axes=[1, 2, 3], keepdims=0)],
         [put("image", ["batch", 1, "height", "width"])], [put("mean", ["batch"])])


def sums():
    """Two inputs of two types, one of them without dimensions."""
    save("sums",
         [helper.make_node("Cast", ["count"], ["times"], to=FLOAT),
          helper.make_node("Mul", ["values", "times"], ["product"])],
         [put("values", [3]), put("count", [], INT64)], [put("product", [3])])


def not_a_number():
    save("not_a_number",
         [helper.make_node("Sub", ["image", "two"], ["less"]), helper.make_node("Log", ["less"], ["probability"])],
         [put("image", [1, 2])], [put("probability", [1, 2])], [constant("two", 2)])


def endless():
    """A loop whose condition stays true."""
    body = helper.make_graph([helper.make_node("Identity", ["going"], ["goes"]),
                              helper.make_node("Add", ["sum", "sum"], ["grown"])],
                             "body", [put("i", [], INT64), put("going", [], BOOL), put("sum", [1])],
                             [put("goes", [], BOOL), put("grown", [1])])
    save("endless", [helper.make_node("Loop", ["most", "true", "image"], ["probability"], body=body)],
         [put("image", [1])], [put("probability", [1])],
         [constant("most", 1 << 62, np.int64), constant("true", True, np.bool_)])


def hungry():
    """Asks for a terabyte."""
    save("hungry",
         [helper.make_node("Cast", ["image"], ["size"], to=INT64),
          helper.make_node("ConstantOfShape", ["size"], ["much"]),
          helper.make_node("ReduceMean", ["much"], ["probability"], axes=[0], keepdims=1)],
         [put("image", [1])], [put("probability", [1])])


def unknown():
    save("unknown", [helper.make_node("Clairvoyance", ["image"], ["probability"], domain="example.org")],
         [put("image", [1])], [put("probability", [1])], domains=["example.org"])


def elsewhere():
    """Its weights lie in a file that anybody can read."""
    def external(name):
        tensor = constant(name, [0.0])
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", "../../../../etc/passwd"
        return tensor

    save("elsewhere", [helper.make_node("Add", ["image", "weights"], ["probability"])], [put("image", [1])],
         [put("probability", [1])], [external("weights")])
    hidden = helper.make_node("Constant", [], ["weights"])
    hidden.attribute.append(helper.make_attribute("value", external("weights")))
    branch = helper.make_graph([hidden, helper.make_node("Identity", ["weights"], ["out"])], "branch", [],
                               [put("out", [1])])
    save("elsewhere_within", [helper.make_node("If", ["true"], ["picked"], then_branch=branch, else_branch=branch),
                              helper.make_node("Add", ["image", "picked"], ["probability"])],
         [put("image", [1])], [put("probability", [1])], [constant("true", True, np.bool_)])


def texts():
    save("texts", [helper.make_node("Identity", ["image"], ["label"])], [put("image", [1], TensorProto.STRING)],
         [put("label", [1], TensorProto.STRING)])


def swells():
    """Answers with more than there is room for, without much work."""
    save("swells",
         [helper.make_node("Cast", ["image"], ["size"], to=INT64),
          helper.make_node("Expand", ["one", "size"], ["probability"])],
         [put("image", [1])], [put("probability", ["n"])], [constant("one", [1])])


def places():
    """Whatever the picture, of 8 x 8: a box from (1, 2) to (3, 4) that scores 0.9, one that scores 0.1; and a detection
    that scores 0.8, with three key points of which the last is hardly there."""
    pose = [2, 2, 4, 4, 0.8, 1, 2, 0.75, 2.5, 2, 0.5, 4, 6, 0.125]
    save("places",
         [helper.make_node("ReduceMean", ["image"], ["mean"], keepdims=0),
          helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
          *(helper.make_node("Add", [f"all_{name}", "nothing"], [name]) for name in ("boxes", "scores", "pose"))],
         [put("image", [1, 1, 8, 8])],
         [put("boxes", [1, 2, 4]), put("scores", [1, 2]), put("pose", [1, 1, len(pose)])],
         [constant("zero", 0), constant("all_boxes", [[[1, 2, 3, 4], [0, 0, 8, 8]]]),
          constant("all_scores", [[0.9, 0.1]]), constant("all_pose", [[pose]])])


def shades():
    """Two masks of a picture of 32 x 48: how bright each pixel is, and how dark."""
    save("shades",
         [helper.make_node("Sub", ["one", "image"], ["dark"]),
          helper.make_node("Concat", ["image", "dark"], ["masks"], axis=1)],
         [put("image", [1, 1, 32, 48])], [put("masks", [1, 2, 32, 48])], [constant("one", 1)])


def nowhere():
    """A mask that is no number where the picture is black."""
    save("nowhere", [helper.make_node("Log", ["image"], ["logits"])],
         [put("image", [1, 1, 32, 48])], [put("logits", [1, 1, 32, 48])])


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for make in (brightness, pelvis, any_size, sums, not_a_number, endless, hungry, unknown, elsewhere, texts, swells,
                 places, shades, nowhere):
        make()
    for file in sorted(FOLDER.glob("*.onnx")):
        onnx.load(file, load_external_data=False)
        print(file.name, file.stat().st_size)
