/** Geometry of the memory map: arena bytes upwards, layers to the right. */
import type { MemoryInfo, MemoryTensor } from "@/api/types"

export interface Box {
  tensor: MemoryTensor
  x: number
  y: number
  width: number
  height: number
}

/** Each tensor as a box in a drawing of `width` × `height`; an input is there before the first layer. */
export function boxes(memory: MemoryInfo, layerCount: number, width: number, height: number): Box[] {
  const steps = layerCount + 1
  const column = (layer: number) => ((layer + 1) / steps) * width
  const total = Math.max(1, memory.arena_bytes)
  return memory.tensors.map((tensor) => ({
    tensor,
    x: column(tensor.first_use),
    width: column(tensor.last_use + 1) - column(tensor.first_use),
    y: height - ((tensor.offset + tensor.size) / total) * height,
    height: (tensor.size / total) * height,
  }))
}

/** Bytes that are alive while each layer runs. */
export function liveBytes(memory: MemoryInfo, layerCount: number): number[] {
  return Array.from({ length: layerCount }, (_, layer) =>
    memory.tensors.reduce((sum, { first_use, last_use, size }) => sum + (first_use <= layer && layer <= last_use ? size : 0), 0),
  )
}

/** Round positions for an axis of `count` layers, at most `most` of them. */
export function ticks(count: number, most: number): number[] {
  if (count <= 0) return []
  const step = Math.max(1, Math.ceil(count / most))
  return Array.from({ length: Math.ceil(count / step) }, (_, n) => n * step)
}
