"""Operations that TensorFlow's converter passes on under their own name, in ONNX' operators."""

from __future__ import annotations

from onnx import ModelProto, NodeProto, TensorProto, helper


def finish(model: ModelProto) -> ModelProto:
    """erfc(x) = 1 - erf(x), which is what Keras makes its exact GELU of."""
    nodes: list[NodeProto] = []
    for node in model.graph.node:
        if node.op_type != "Erfc" or node.domain:
            nodes.append(node)
            continue
        name = node.output[0]
        one = helper.make_tensor(f"{name}/one", TensorProto.FLOAT, [], [1.0])
        nodes.append(helper.make_node("Constant", [], [one.name], name=one.name, value=one))
        nodes.append(helper.make_node("Erf", [node.input[0]], [f"{name}/erf"], name=f"{name}/erf"))
        nodes.append(helper.make_node("Sub", [one.name, f"{name}/erf"], [name], name=node.name))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model
