"""The layers, operations and activations that can be taken from a trained model: literal tables, nothing else.

The layers, but for those that are left out, are those with a row in `layer_kinds.KINDS`.

Whatever is not listed here is refused by name before Keras is asked to build it: a list of what is good stays right
when Keras gains another class that reads a file, fetches an address or runs code.
"""

from edgedigits.models.layers.layer_kinds import KINDS

MODELS = frozenset({"Functional", "Model", "Sequential"})

AUGMENTATIONS = frozenset(
    {
        "AugMix",
        "CutMix",
        "MixUp",
        "RandAugment",
        "RandomBrightness",
        "RandomColorDegeneration",
        "RandomColorJitter",
        "RandomContrast",
        "RandomElasticTransform",
        "RandomErasing",
        "RandomFlip",
        "RandomGaussianBlur",
        "RandomGrayscale",
        "RandomHue",
        "RandomInvert",
        "RandomPerspective",
        "RandomPosterization",
        "RandomRotation",
        "RandomSaturation",
        "RandomSharpness",
        "RandomShear",
        "RandomTranslation",
        "RandomZoom",
    }
)
"""Layers that change images while training only. (RandomCrop is none: it resizes when answering, too.)"""

LEFT_OUT = AUGMENTATIONS | {"ActivityRegularization", "Identity", "StochasticDepth"}
"""Layers without effect on an answer; the rebuilt model has none of them."""

OF_READY_NETS = dict.fromkeys(("LayerScale", "StochasticDepth"), "keras.src.applications.convnext")
"""Layers that are no part of `keras.layers`, and the module that Keras' ready-made nets have them from."""

OPENED = frozenset(
    {
        "AdaptiveAveragePooling1D",
        "AdaptiveAveragePooling2D",
        "AdaptiveMaxPooling1D",
        "AdaptiveMaxPooling2D",
        "Attention",
        "EinsumDense",
        "MultiHeadAttention",
        "RepeatVector",
        "UpSampling1D",
    }
)
"""Layers in whose place others stand that compute the same (`openings/table.py`)."""

WRAPPERS = {"Pipeline": "layers", "SpectralNormalization": "layer"}
"""Layers that only call others when they answer, and the attribute that holds these."""

LAYERS = LEFT_OUT | {"InputLayer"} | KINDS.keys() | OPENED | WRAPPERS.keys()

ACTIVATIONS = frozenset(
    {
        "celu",
        "elu",
        "exponential",
        "gelu",
        "hard_shrink",
        "hard_sigmoid",
        "hard_silu",
        "hard_swish",
        "hard_tanh",
        "leaky_relu",
        "linear",
        "log_sigmoid",
        "log_softmax",
        "mish",
        "relu",
        "relu6",
        "selu",
        "sigmoid",
        "silu",
        "soft_shrink",
        "softmax",
        "softplus",
        "softsign",
        "sparse_plus",
        "sparse_sigmoid",
        "squareplus",
        "swish",
        "tanh",
        "tanh_shrink",
    }
)
"""Activations by name, as either Keras spells them."""

_RECURRENT = (
    "can't be taken: it computes step by step, in a loop, and stages and exports work on layers that see all at once"
)
_ATTENTION = "can't be taken: it multiplies computed tensors with each other in a way that no rule is known for"
_LOOKUP = "can't be taken: it looks up words or categories, and an image classifier is given pixels"
_VOLUME = "can't be taken: it works on volumes, and an image has height, width and channels"
_CONTRAST = (
    "can't be taken: it changes images by their own histogram when answering, too, and TFLite has no operator for that"
)
_ALONG_2D = (
    "use Conv1D, Conv2D or pooling layers in its place and train again, or hand in a layer class of yours as custom"
)
_BACKEND = "asks for another backend of Keras than TensorFlow's, and what is built here is that one's"
REASONS = {
    **dict.fromkeys(
        ("FlaxLayer", "JaxLayer", "TorchModuleWrapper"),
        (_BACKEND, "replace it by layers of Keras, into which its weights are copied"),
    ),
    **dict.fromkeys(
        (
            "Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "GRU", "GRUCell", "LSTM", "LSTMCell", "RNN", "SimpleRNN",
            "SimpleRNNCell", "StackedRNNCells", "TimeDistributed",
        ),
        (_RECURRENT, _ALONG_2D),
    ),
    **dict.fromkeys(
        ("AdditiveAttention", "GroupQueryAttention", "Dot", "Einsum"),
        (_ATTENTION, "use MultiHeadAttention or keras.ops.matmul in its place"),
    ),
    **dict.fromkeys(
        (
            "CategoryEncoding", "Discretization", "Embedding", "HashedCrossing", "Hashing", "IntegerLookup", "StringLookup",
            "TextVectorization",
        ),
        (_LOOKUP, "hand in the part of the model that sees images"),
    ),
    **dict.fromkeys(
        ("AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization", "Equalization"),
        (_CONTRAST, "change the images before the model, in training and where it is used"),
    ),
    **dict.fromkeys(
        (
            "AveragePooling3D", "Conv3D", "Conv3DTranspose", "Cropping3D", "GlobalAveragePooling3D", "GlobalMaxPooling3D",
            "MaxPooling3D", "SpatialDropout3D", "UpSampling3D", "ZeroPadding3D",
        ),
        (_VOLUME, "use the layer of that name in 2D"),
    ),
}  # fmt: skip
"""Kinds of layers that others' models have and that can't be taken: why, and what would do."""


def explain_refusal(kind: str) -> tuple[str, str]:
    """Why a kind of layer that is not listed here can't be taken, and what would do."""
    unknown = "can't be taken: how it would be rebuilt, shrunk and rounded is not known here"
    return REASONS.get(
        kind, (unknown, "replace it by a usual layer, or by a layer class of yours, handed in as custom")
    )


ACTIVATION_REASONS = {
    "glu": "as a setting of a layer, Keras takes its output for twice as wide as it is: call keras.ops.glu behind the layer",
    "sparsemax": "it sorts the values, and TFLite has no operator that does",
}
"""Activations of Keras that can't be taken, and why."""

INTERPOLATIONS = ("bilinear", "nearest")
"""How Resizing and UpSampling2D may find values between pixels: TFLite has no operator for the others."""

KERAS3_OPERATIONS = {
    "Abs": ("numpy", "absolute"),
    "Absolute": ("numpy", "absolute"),
    "Add": ("numpy", "add"),
    "Amax": ("numpy", "max"),
    "Amin": ("numpy", "min"),
    "Cast": ("core", "cast"),
    "Celu": ("nn", "celu"),
    "Clip": ("numpy", "clip"),
    "Concatenate": ("numpy", "concatenate"),
    "Divide": ("numpy", "divide"),
    "Elu": ("nn", "elu"),
    "Exp": ("numpy", "exponential"),
    "ExpandDims": ("numpy", "reshape"),
    "Gelu": ("nn", "gelu"),
    "GetItem": ("numpy", "get_item"),
    "Glu": ("nn", "glu"),
    "HardShrink": ("nn", "hard_shrink"),
    "HardSigmoid": ("nn", "hard_sigmoid"),
    "HardSilu": ("nn", "hard_silu"),
    "HardTanh": ("nn", "hard_tanh"),
    "LeakyRelu": ("nn", "leaky_relu"),
    "LogSigmoid": ("nn", "log_sigmoid"),
    "LogSoftmax": ("nn", "log_softmax"),
    "Matmul": ("numpy", "matmul"),
    "Max": ("numpy", "max"),
    "Maximum": ("numpy", "maximum"),
    "Mean": ("numpy", "mean"),
    "Min": ("numpy", "min"),
    "Minimum": ("numpy", "minimum"),
    "Moveaxis": ("numpy", "moveaxis"),
    "Multiply": ("numpy", "multiply"),
    "Negative": ("numpy", "negative"),
    "Pad": ("numpy", "pad"),
    "Power": ("numpy", "power"),
    "Relu": ("nn", "relu"),
    "Relu6": ("nn", "relu6"),
    "Reshape": ("numpy", "reshape"),
    "Rsqrt": ("math", "rsqrt"),
    "Selu": ("nn", "selu"),
    "Sigmoid": ("nn", "sigmoid"),
    "Silu": ("nn", "silu"),
    "SoftShrink": ("nn", "soft_shrink"),
    "Softmax": ("nn", "softmax"),
    "Softplus": ("nn", "softplus"),
    "Softsign": ("nn", "softsign"),
    "SparsePlus": ("nn", "sparse_plus"),
    "SparseSigmoid": ("nn", "sparse_sigmoid"),
    "Split": ("numpy", "split"),
    "Sqrt": ("numpy", "sqrt"),
    "Square": ("numpy", "square"),
    "Squareplus": ("nn", "squareplus"),
    "Squeeze": ("numpy", "reshape"),
    "Stack": ("numpy", "stack"),
    "Subtract": ("numpy", "subtract"),
    "Sum": ("numpy", "sum"),
    "Swapaxes": ("numpy", "swapaxes"),
    "Tanh": ("numpy", "tanh"),
    "TanhShrink": ("nn", "tanh_shrink"),
    "Threshold": ("nn", "threshold"),
    "Transpose": ("numpy", "transpose"),
    "TrueDivide": ("numpy", "divide"),
}
"""Class of a Keras 3 operation: its module below keras.src.ops, and the operation here (`operations.apply`)."""

TENSORFLOW_FUNCTIONS = {
    "__operators__.add": "add",
    "cast": "cast",
    "compat.v1.squeeze": "reshape",
    "concat": "concatenate",
    "expand_dims": "reshape",
    "identity": "identity",
    "math.add": "add",
    "math.divide": "divide",
    "math.maximum": "maximum",
    "math.minimum": "minimum",
    "math.multiply": "multiply",
    "math.negative": "negative",
    "math.reduce_max": "max",
    "math.reduce_mean": "mean",
    "math.sigmoid": "sigmoid",
    "math.softplus": "softplus",
    "math.subtract": "subtract",
    "math.tanh": "tanh",
    "math.truediv": "divide",
    "nn.elu": "elu",
    "nn.gelu": "gelu",
    "nn.leaky_relu": "leaky_relu",
    "nn.relu": "relu",
    "nn.relu6": "relu6",
    "nn.selu": "selu",
    "nn.silu": "silu",
    "nn.softmax": "softmax",
    "nn.softsign": "softsign",
    "reshape": "reshape",
    "squeeze": "reshape",
}
"""Function of a Keras 2 TFOpLambda layer: the operation here. Any other could be one that writes files."""

SETTINGS_OBJECTS = frozenset(
    {
        "Constant",
        "GlorotNormal",
        "GlorotUniform",
        "HeNormal",
        "HeUniform",
        "Identity",
        "L1",
        "L1L2",
        "L2",
        "LecunNormal",
        "LecunUniform",
        "MaxNorm",
        "MinMaxNorm",
        "NonNeg",
        "Ones",
        "Orthogonal",
        "OrthogonalRegularizer",
        "RandomNormal",
        "RandomUniform",
        "TruncatedNormal",
        "UnitNorm",
        "VarianceScaling",
        "Zeros",
    }
)
"""Initializers, regularizers and constraints. Others are left out of the config: an answer needs none of them."""

DTYPES = frozenset({"bfloat16", "float16", "float32", "float64", "mixed_bfloat16", "mixed_float16"})
"""Policies whose weights are real numbers; every one of them is read as float32."""

NEWER = {
    "input_axes": (None,),
    "output_axes": (None,),
    "quantization_config": (None,),
    "renorm": (False,),
    "renorm_clipping": (None,),
    "renorm_momentum": (0.99,),
    "sliding_window": (None,),
    "use_gate": (False,),
}
"""Settings that Keras got after the oldest one that is taken, and the values with which it computes as it did before.

So set they are left out, and the oldest builds what the newest saved.
"""
