import { useQuery } from "@tanstack/react-query"
import { fileQuery } from "@/api/compilations"

export interface ArtifactFile {
  path: string
  bytes: number | null
}

/** The files of the artifact, as its manifest lists them; the manifest does not list itself. */
export function useFiles(id: string) {
  return useQuery({
    ...fileQuery(id, "manifest.json"),
    select: (text): ArtifactFile[] => {
      const { files } = JSON.parse(text) as { files: Record<string, { bytes?: number }> }
      const listed = Object.entries(files).map(([path, { bytes }]) => ({ path, bytes: bytes ?? null }))
      return [...listed, { path: "manifest.json", bytes: text.length }]
    },
  })
}
