/** Short names for the generated types. */
import type { components } from "./schema"

type Schemas = components["schemas"]

export type Compilation = Schemas["CompilationPublic"]
export type CompilationState = Compilation["state"]
export type Stage = NonNullable<Compilation["stage"]>
export type CompileError = NonNullable<Compilation["error"]>
export type CompileOptions = Schemas["CompileOptions"]
export type Emitter = CompileOptions["emit"]
export type Precision = CompileOptions["precision"]
export type Inspection = Schemas["Inspection"]
export type Support = Inspection["support"][number]
export type KernelUse = Support["layers"][number]
export type Unsupported = Inspection["unsupported"][number]
export type Architecture = NonNullable<Inspection["architecture"]>
export type ListedLayer = Architecture["layers"][number]
export type Pictures = Schemas["Pictures"]
export type Picture = Schemas["Picture"]
export type PictureNode = Schemas["PictureNode"]
export type PictureTensor = Schemas["PictureTensor"]
export type KernelKind = KernelUse["kind"]
export type InspectionJob = Schemas["InspectionPublic"]
export type Catalog = Schemas["Catalog"]
export type Health = Schemas["Health"]
export type Sample = Catalog["samples"][number]
export type Target = Catalog["targets"][number]
export type Board = Catalog["boards"][number]
export type Operator = Catalog["operators"][number]
export type Pack = Catalog["packs"][number]

export type Report = Schemas["Report"]
export type ReportLayer = Report["layers"][number]
export type MemoryInfo = Report["memory"]
export type MemoryTensor = MemoryInfo["tensors"][number]
export type BoardFit = Report["boards"][number]
export type MapSection = Report["sections"][number]
export type MapSymbol = MapSection["symbols"][number]

export type Quantization = NonNullable<Report["quantization"]>
export type QuantizedTensor = Quantization["tensors"][number]
export type Accuracy = NonNullable<Report["accuracy"]>
