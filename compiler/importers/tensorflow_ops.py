"""Which operations of TensorFlow may be in a model. Everything else is refused before TensorFlow sees the file.

TensorFlow has operations that read and write files, open sockets, or call Python; a model is a program over them. Only
those that compute on tensors are let through, and what loads and saves variables, which every SavedModel contains.
"""

from __future__ import annotations

COMPUTING = frozenset(
    """
    Abs Acos Acosh Add AddN AddV2 AdjustContrastv2 AdjustHue AdjustSaturation All Any ArgMax ArgMin Asin Asinh
    Assert Atan Atan2 Atanh AvgPool AvgPool3D BatchMatMul BatchMatMulV2 BatchMatMulV3 BatchToSpace BatchToSpaceND
    Betainc BiasAdd Bitcast BitwiseAnd BitwiseOr BitwiseXor BroadcastArgs BroadcastTo Cast Ceil CheckNumerics
    ClipByValue ComplexAbs Concat ConcatV2 Const Conv2D Conv2DBackpropInput Conv3D Conv3DBackpropInputV2 Cos Cosh
    CropAndResize Cumprod Cumsum DenseBincount DepthToSpace DepthwiseConv2dNative Digamma Dilation2D Div DivNoNan
    DynamicStitch Einsum Elu EmptyTensorList EnsureShape Equal Erf Erfc Erfinv Exp ExpandDims Expm1
    ExtractImagePatches FFT FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars Fill Floor FloorDiv FloorMod
    FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 Gather GatherNd GatherV2 Greater GreaterEqual GuaranteeConst
    Identity IdentityN If Invert InvertPermutation IsFinite IsInf IsNan LRN LSTMBlockCell LeakyRelu LeftShift Less
    LessEqual Lgamma LinSpace Log Log1p LogSoftmax LogicalAnd LogicalNot LogicalOr LowerBound MatMul MatrixBandPart
    MatrixDeterminant MatrixDiag MatrixDiagPart MatrixDiagPartV2 MatrixDiagPartV3 MatrixDiagV2 MatrixDiagV3
    MatrixSetDiagV3 Max MaxPool MaxPool3D MaxPoolWithArgmax Maximum Mean Min Minimum MirrorPad Mod Mul Neg NoOp
    NotEqual OneHot OnesLike Pack Pad PadV2 ParallelDynamicStitch Placeholder PlaceholderWithDefault Pow
    PreventGradient Prod RFFT RFFT2D Range RealDiv Relu Relu6 Reshape ResizeArea ResizeBicubic ResizeBilinear
    ResizeNearestNeighbor ReverseSequence ReverseV2 RightShift Rint Roll Round Rsqrt ScatterNd SegmentMax
    SegmentMean SegmentMin SegmentProd SegmentSum Select SelectV2 Selu Shape Sigmoid Sign Sin Sinh Size Slice
    Softmax SoftmaxCrossEntropyWithLogits Softplus Softsign SpaceToBatch SpaceToBatchND SpaceToDepth Split SplitV
    Sqrt Square SquaredDifference Squeeze StatelessCase StatelessIf StatelessWhile StopGradient StridedSlice Sub Sum
    Tan Tanh TensorListConcatV2 TensorListFromTensor TensorListGetItem TensorListLength TensorListPushBack
    TensorListReserve TensorListResize TensorListSetItem TensorListStack TensorScatterAdd TensorScatterMax
    TensorScatterMin TensorScatterSub TensorScatterUpdate Tile TopKV2 Transpose TruncateDiv Unpack
    UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentProd UnsortedSegmentSum While Xlogy ZerosLike
    """.split()
)

# Calls, loops, variables, and the loading and saving of those.
STRUCTURE = frozenset(
    """
    AssignVariableOp Case DestroyResourceOp Enter Exit LoopCond Merge MergeV2Checkpoints NextIteration PartitionedCall
    ReadVariableOp RestoreV2 SaveV2 ShardedFilename StatefulPartitionedCall StaticRegexFullMatch StringJoin Switch
    VarHandleOp VarIsInitializedOp VariableV2 _Arg _Retval DisableCopyOnRead
    """.split()
)

ALLOWED = COMPUTING | STRUCTURE
