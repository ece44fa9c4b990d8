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

/** Whether two tensors share bytes while both are alive: a layer that writes over input it has read. */
export function anyOverlap({ tensors }: MemoryInfo): boolean {
  return tensors.some((a, index) =>
    tensors.slice(index + 1).some(
      (b) =>
        a.first_use <= b.last_use && b.first_use <= a.last_use && a.offset < b.offset + b.size && b.offset < a.offset + a.size,
    ),
  )
}

/** Round positions for an axis of `count` layers, at most `most` of them. */
export function ticks(count: number, most: number): number[] {
  if (count <= 0) return []
  const step = Math.max(1, Math.ceil(count / most))
  return Array.from({ length: Math.ceil(count / step) }, (_, n) => n * step)
}
